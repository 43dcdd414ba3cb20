import { type OtlpMessage, REQUESTS } from "./otlp_schema.ts";
import { type Signal, SIGNALS } from "./otlp_signal.ts";

/** Names of fields that lead to records, without capitals and underscores: those of OTLP, and of its drafts. */
const CARRIERS: ReadonlySet<string> = new Set([
  ...SIGNALS.flatMap((signal) => namesBelow(REQUESTS[signal])),
  ...["resourceprofiles", "scopeprofiles"],
  ...["instrumentationlibrarylogs", "instrumentationlibrarymetrics", "instrumentationlibraryspans", "logs"],
]);

/** The field of the request of each signal, without capitals and underscores. */
const SIGNAL_OF: ReadonlyMap<string, Signal> = new Map(
  SIGNALS.map((signal) => [plain(REQUESTS[signal].carriers[0]!.name), signal]),
);

/**
 * Says whether a field that a message does not know is a slip of whoever wrote it: whether records are under a name that
 * they do not have there. Such are names of another signal, in snake_case, in other capitals, and of drafts of OTLP.
 *
 * @param message The message; fields of it lead to records.
 * @param name The name of a field that it does not have.
 * @returns What is wrong with the name and what would be right; nothing if it may be anything.
 */
export function describeMisnamed(message: OtlpMessage, name: string): string | undefined {
  const meant = plain(name);
  if (!CARRIERS.has(meant)) return undefined;
  const right = message.carriers.map((field) => `'${field.name}'`).join(", ");
  const same = message.carriers.find((field) => plain(field.name) === meant);
  if (same !== undefined) return `'${name}' must be '${same.name}': names are in lowerCamelCase in OTLP/JSON`;
  const signal = SIGNAL_OF.get(meant);
  return signal === undefined || !isRequest(message)
    ? `'${name}' is no field here, and without ${right} there are no records`
    : `'${name}' is what /v1/${signal} takes, here it must be ${right}`;
}

function isRequest(message: OtlpMessage): boolean {
  return SIGNALS.some((signal) => REQUESTS[signal] === message);
}

function namesBelow({ carriers }: OtlpMessage): string[] {
  return carriers.flatMap((
    { name, message },
  ) => [plain(name), ...message === undefined ? [] : namesBelow(message)]);
}

function plain(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}
