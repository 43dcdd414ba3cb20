import { CONTENT_CODINGS } from "./content_coding.ts";
import type { Refusal } from "./refusal.ts";
import { SOURCE_NAME_RULE } from "./source_name.ts";
import type { NoSource } from "./source_registry.ts";

/**
 * @param reason Why there is no source of a name.
 * @param name The name.
 * @param limit The most sources that there may be.
 * @returns The refusal that says so.
 */
export function noSourceRefusal(reason: NoSource, name: string, limit: number): Refusal {
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

/**
 * @param method A method other than POST.
 * @returns The refusal that says so.
 */
export function methodRefusal(method: string): Refusal {
  return {
    status: 405,
    code: "method_not_allowed",
    message: `${method} is not allowed here: records are sent with POST`,
    headers: { Allow: "POST" },
  };
}

/**
 * @param url Where WebSockets are opened.
 * @returns The refusal of an upgrade that says so.
 */
export function upgradeRefusal(url: string): Refusal {
  return {
    status: 426,
    code: "upgrade_required",
    message: `WebSockets are not opened here: connect to ${url}`,
    headers: { Upgrade: "websocket" },
  };
}

/**
 * @param contentType A `Content-Type` that is not understood.
 * @param understood Those that are.
 * @returns The refusal that says so.
 */
export function mediaTypeRefusal(contentType: string | null, understood: string): Refusal {
  // What curl and syslog-ng send unless they are told another one: the first thing that a newcomer meets.
  const what = contentType === null
    ? "no content type is told"
    : `content type '${contentType}' is not understood`;
  const message = `${what}: set the header Content-Type to one of ${understood}`;
  return { status: 415, code: "unsupported_media_type", message };
}

/**
 * @param contentEncoding A `Content-Encoding` that is not understood.
 * @returns The refusal that says so.
 */
export function codingRefusal(contentEncoding: string | null): Refusal {
  const known = CONTENT_CODINGS.join(", ");
  return {
    status: 415,
    code: "unsupported_media_type",
    message: `content encoding '${contentEncoding}' is not understood: use one of ${known}`,
    headers: { "Accept-Encoding": known },
  };
}
