import { SinkError } from "./sink.ts";

/** Errno names for those errors of Deno that may come without a `code`, by the name of their class. */
const ERRNO_OF_CLASS: Readonly<Record<string, string>> = {
  AddrInUse: "EADDRINUSE",
  AlreadyExists: "EEXIST",
  BrokenPipe: "EPIPE",
  Busy: "EBUSY",
  ConnectionAborted: "ECONNABORTED",
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  FilesystemLoop: "ELOOP",
  Interrupted: "EINTR",
  IsADirectory: "EISDIR",
  NetworkUnreachable: "ENETUNREACH",
  NotADirectory: "ENOTDIR",
  NotConnected: "ENOTCONN",
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
  TimedOut: "ETIMEDOUT",
  UnexpectedEof: "EIO",
  WouldBlock: "EAGAIN",
  WriteZero: "EIO",
};

/**
 * Makes a {@linkcode SinkError} of whatever was thrown.
 *
 * Every error of the operating system is retryable: a disk is freed, remounted or plugged in again, a permission is
 * corrected, and none of that needs a restart. Two are not: a permission that Deno was not started with
 * (`NotCapable`), which cannot come while the process lives, and anything else, which is a defect of ours, has the
 * kind `unknown`, and would fail the same way at every attempt.
 *
 * @param error What was thrown; a `SinkError` is returned as it is.
 * @param failed What failed, with its subject, to begin the message with: `Cannot open 'data/a/1.ndjson'`.
 * @returns The error, with the errno name as its kind where there is one.
 */
export function toSinkError(error: unknown, failed: string): SinkError {
  if (error instanceof SinkError) return error;
  const message = `${failed}: ${error instanceof Error ? error.message : String(error)}`;
  const errno = errnoOf(error);
  if (errno !== undefined) return new SinkError(message, { kind: errno, retryable: true, cause: error });
  const kind = error instanceof Deno.errors.NotCapable ? "NotCapable" : "unknown";
  return new SinkError(message, { kind, retryable: false, cause: error });
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code)) return error.code;
  return Object.hasOwn(ERRNO_OF_CLASS, error.name) ? ERRNO_OF_CLASS[error.name] : undefined;
}
