import type { Refusal } from "./refusal.ts";
import { SOURCE_NAME_RULE } from "./source_name.ts";
import type { NoSource } from "./source_registry.ts";

/**
 * @param reason Why there is no such source.
 * @param name What the agent called it.
 * @param limit The most sources there may be.
 * @returns The refusal that says so.
 */
export function refuseSource(reason: NoSource, name: string, limit: number): Refusal {
  const shown = name.length > 150 ? `${name.slice(0, 150)}…` : name;
  switch (reason) {
    case "bad_name":
      return {
        status: 400,
        code: "invalid_source_name",
        message: `'${shown}' cannot be the name of a source: it must be ${SOURCE_NAME_RULE}`,
      };
    case "unknown_source":
      return {
        status: 404,
        code: "unknown_source",
        message: `no name or pattern of the config's 'sources' matches '${shown}'`,
      };
    case "too_many_sources": {
      const message = `source '${shown}' would be one more than the limit of ${limit} sources`;
      return { status: 429, code: "too_many_sources", message, details: { limit } };
    }
  }
}
