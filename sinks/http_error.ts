import { toSinkError } from "./io_error.ts";
import { SinkError } from "./sink.ts";

/** Kinds of errors by words of the runtime's messages, which have no codes. The first that occurs counts. */
const KINDS: readonly (readonly [words: RegExp, kind: string])[] = [
  [/connection refused/i, "ECONNREFUSED"],
  [/connection reset/i, "ECONNRESET"],
  [/broken pipe/i, "EPIPE"],
  [/network is unreachable/i, "ENETUNREACH"],
  [/no route to host|host is unreachable/i, "EHOSTUNREACH"],
  [/timed out/i, "ETIMEDOUT"],
  [/too many open files/i, "EMFILE"],
  [/dns error|failed to lookup/i, "dns"],
  [/certificate|tls|corrupt message|handshake/i, "tls"],
  [/closed before message completed|unexpected e(nd|of)/i, "connection_closed"],
];

/**
 * Makes a {@linkcode SinkError} of what `fetch` threw. Everything that befell the connection is retryable; nobody knows
 * whether the other side took the records before it broke.
 *
 * @param error What was thrown.
 * @param target Where the request went, for the message.
 * @param signal The one that the request was made with.
 * @returns The error: of kind `timeout` or `aborted` where the signal was the reason.
 */
export function httpError(error: unknown, target: string, signal: AbortSignal): SinkError {
  const failed = `Cannot send to ${target}`;
  if (signal.aborted) {
    if (signal.reason instanceof SinkError) return signal.reason; // who aborted it says why
    const timedOut = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
    const [kind, words] = timedOut ? ["timeout", "no answer in time"] : ["aborted", "aborted"];
    return new SinkError(`${failed}: ${words}`, { kind, retryable: timedOut, cause: error });
  }
  if (!(error instanceof TypeError) || !(error.cause instanceof Error)) return toSinkError(error, failed);
  // What comes before has the whole URL in it, with the query, which may hold what is not for logs.
  const [, , reason = "the connection failed"] =
    /client error \((\w+)\): ([^]*)$/.exec(error.cause.message) ??
      [];
  const kind = KINDS.find(([words]) => words.test(reason))?.[1] ?? "network";
  // Without its cause, for the same reason.
  return new SinkError(`${failed}: ${reason}`, { kind, retryable: true });
}
