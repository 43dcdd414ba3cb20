import { fromBinary } from "@bufbuild/protobuf";
import { ExportServiceResponseSchema, RpcStatusSchema } from "../collector/otlp/otlp_pb.ts";
import { parseRetryAfter } from "./retry_after.ts";
import { SinkError } from "./sink.ts";

/** Records that the other side took and did not keep, or pushed out of its buffer to keep these, by its own account. */
export interface UpstreamLoss {
  /** Discarded by a Penstock's `drop_newest`. */
  readonly dropped: number;
  /** Older records, from whomever, pushed out by a Penstock's `drop_oldest`. */
  readonly evicted: number;
  /** Told as a partial success of OTLP. */
  readonly rejected: number;
}

/** What became of one request. */
export type HttpOutcome =
  | { readonly taken: true; readonly loss: UpstreamLoss | undefined }
  | {
    readonly taken: false;
    /** `too_large` and `invalid`: these records are the reason; `other`: any others would be answered likewise. */
    readonly cause: "too_large" | "invalid" | "other";
    readonly error: SinkError;
  };

/** Answers are read up to here: what they tell stands at their beginning. */
const ANSWER_BYTES = 16 * 1024;
/** The most characters of somebody else's words in a message of ours. */
const MESSAGE_LENGTH = 200;

/** As exporters of OTLP have it; and 408, with which a server says that it gave up reading and kept nothing. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
/** Statuses that are about the records of the request, so that other records may fare better. */
const INVALID: ReadonlySet<number> = new Set([400, 415, 422]);

const decoder = new TextDecoder();

/**
 * Finds out what became of a request. The body of the answer is read as far as it is of interest, and let go.
 *
 * @param response The answer.
 * @param target Where the request went, for messages.
 * @param redact Takes out of the other side's words what must not be told.
 * @param now The present, in milliseconds since the Unix epoch.
 * @returns What became of it. It never rejects: the status is known, even if the body never comes.
 */
export async function readAnswer(
  response: Response,
  target: string,
  redact: (text: string) => string,
  now: number = Date.now(),
): Promise<HttpOutcome> {
  const { status, headers } = response;
  const body = await readBeginning(response);
  const contentType = (headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (response.ok) return { taken: true, loss: lossOf(contentType, body) };
  const said = redact(messageOf(contentType, body)).slice(0, MESSAGE_LENGTH);
  const location = headers.get("location");
  const redirected = status >= 300 && status < 400
    ? `, a redirect${location === null ? "" : ` to ${originOf(location)}`}, which is not followed`
    : "";
  const error = new SinkError(
    `Cannot send to ${target}: answered ${status}${redirected}${said === "" ? "" : `: ${said}`}`,
    {
      kind: `http_${status}`,
      retryable: RETRYABLE.has(status),
      retryAfter: parseRetryAfter(headers.get("retry-after"), now),
    },
  );
  const cause = status === 413 ? "too_large" : INVALID.has(status) ? "invalid" : "other";
  return { taken: false, cause, error };
}

/** The beginning of a body; less of it where the connection breaks. What is behind it is not read. */
async function readBeginning({ body }: Response): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  const read = new Uint8Array(ANSWER_BYTES);
  let length = 0;
  const reader = body.getReader();
  try {
    while (length < read.length) {
      const { done, value } = await reader.read();
      if (done) return read.subarray(0, length);
      const piece = value.subarray(0, read.length - length);
      read.set(piece, length);
      length += piece.length;
    }
    await reader.cancel();
  } catch {
    // The head has come, and with it the answer; an error that is worth a retry would be told by the next request.
  }
  return read.subarray(0, length);
}

function lossOf(contentType: string, body: Uint8Array): UpstreamLoss | undefined {
  if (body.length === 0) return undefined;
  let loss: UpstreamLoss | undefined;
  switch (contentType) {
    case "application/x-protobuf":
      loss = { dropped: 0, evicted: 0, rejected: rejectedIn(body) };
      break;
    case "application/json": {
      const answer = parseObject(body);
      const { dropped, evicted, partialSuccess } = answer;
      const rejected = Object.entries(asObject(partialSuccess)).find(([key]) => key.startsWith("rejected"));
      loss = { dropped: asCount(dropped), evicted: asCount(evicted), rejected: asCount(rejected?.[1]) };
      break;
    }
    default:
      return undefined;
  }
  return loss.dropped + loss.evicted + loss.rejected === 0 ? undefined : loss;
}

function rejectedIn(body: Uint8Array): number {
  try {
    return asCount(String(fromBinary(ExportServiceResponseSchema, body).partialSuccess?.rejected ?? 0));
  } catch {
    return 0; // not the message that it says to be: success it is all the same
  }
}

function messageOf(contentType: string, body: Uint8Array): string {
  switch (contentType) {
    case "application/x-protobuf":
      try {
        return fromBinary(RpcStatusSchema, body).message;
      } catch {
        return "";
      }
    case "application/json": {
      const { error, message } = parseObject(body);
      const told = typeof error === "string" ? error : asObject(error)["message"] ?? message;
      return typeof told === "string" ? told : "";
    }
    case "text/plain":
      return decoder.decode(body).trim();
    default:
      return ""; // pages for people
  }
}

function parseObject(body: Uint8Array): Record<string, unknown> {
  try {
    return asObject(JSON.parse(decoder.decode(body)));
  } catch {
    return {};
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

/** A count, which OTLP/JSON writes in quotes; 0 for what is none. */
function asCount(value: unknown): number {
  const count = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** Where a redirect leads, without the path and the query, which may hold what is not for logs. */
function originOf(location: string): string {
  try {
    return new URL(location).origin;
  } catch {
    return "another path";
  }
}
