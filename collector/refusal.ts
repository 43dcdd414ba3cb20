import { type AnswerFormat, OWN_ANSWERS } from "./answer_format.ts";
import { type HeldBody, Lingering } from "./lingering.ts";

/** A request that gets an error as its answer. */
export interface Refusal {
  readonly status: 400 | 404 | 405 | 408 | 413 | 415 | 426 | 429 | 500 | 503;
  /** What went wrong, in one word for programs. */
  readonly code: string;
  /** What went wrong, with the value and what would be right, for people. */
  readonly message: string;
  /** More for programs: `record`, `offset`, `limit`, what a stream had got admitted before. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** More headers, such as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What an overloaded daemon asks of an agent. 503 and never 429 or 500: real agents retry 503, and drop at the others. */
const RETRY_AFTER = { "Retry-After": "1" };

/** An unread body of at most so many bytes is left to the server to throw away, which keeps a polite agent's connection. */
const SMALL_REMAINDER = 64 * 1024;

/**
 * For how long, and how many, unread bodies are held until their connections are ended. An agent that goes on sending has so
 * long to take the answer in; meanwhile the kernel takes about four megabytes of each.
 */
const lingering = new Lingering({ time: 1000, limit: 64 });

/** How long an agent has to take in an answer that breaks off, in milliseconds: the server reads what it sends meanwhile. */
const BREAK_OFF_AFTER = 2;

/**
 * Makes the answer to a refused request whose body was read to its end, or that has none.
 *
 * @param refusal Why it is refused.
 * @param answers How the answer is written.
 * @returns The answer.
 */
export function answerRefusal(refusal: Refusal, answers: AnswerFormat = OWN_ANSWERS): Response {
  const { status } = refusal;
  return new Response(answers.refusal(refusal), { status, headers: refusalHeaders(refusal, answers) });
}

/**
 * Makes the answer to a refused request whose body was not read, or not to its end.
 *
 * Left alone, the server reads on after the answer, at a gigabyte a second and for as long as an agent sends. So only a
 * small known remainder is left to it; any other is held unread until the agent has had time to take the answer in, and
 * the connection ends then. Where a read is still under way, because the agent sends nothing, the server ends the
 * connection as soon as the agent does send something, and not before.
 *
 * @param refusal Why it is refused.
 * @param request The request.
 * @param reader The reader of its body, where it was begun to be read.
 * @param answers How the answer is written.
 * @returns The answer.
 */
export function answerUnread(
  refusal: Refusal,
  request: Request,
  reader?: HeldBody,
  answers: AnswerFormat = OWN_ANSWERS,
): Response {
  const { body, headers, bodyUsed } = request;
  const length = Number(headers.get("content-length") ?? (body === null ? 0 : Infinity));
  if (reader === undefined && !bodyUsed && length <= SMALL_REMAINDER) {
    return answerRefusal(refusal, answers);
  }
  const closing = { ...refusal, headers: { ...refusal.headers, Connection: "close" } };
  if (body === null) return breakOff(closing, answers);
  // A body that was read in one go is a small one, and there is nothing to hold it by.
  const held = reader ?? (bodyUsed ? undefined : body.getReader());
  if (held !== undefined) lingering.hold(held);
  return answerRefusal(closing, answers);
}

/**
 * An answer that tells everything and then breaks off without an end, so that the server resets the connection: for the body
 * of a method that is not to have one, which cannot be held.
 */
function breakOff(refusal: Refusal, answers: AnswerFormat): Response {
  const body = answers.refusal(refusal);
  let told = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!told) {
        told = true;
        controller.enqueue(body);
        return;
      }
      return new Promise((resolve) => {
        timer = setTimeout(() => {
          controller.error(new HangUp());
          resolve();
        }, BREAK_OFF_AFTER);
      });
    },
    cancel() {
      clearTimeout(timer);
    },
  }, { highWaterMark: 0 });
  // Without a length: the server takes an answer that has all of its bytes for complete, and does not break it off.
  return new Response(stream, { status: refusal.status, headers: refusalHeaders(refusal, answers) });
}

/** Ends a connection on purpose. The server reports it as an error of the answer, which it is not. */
export class HangUp extends Error {
  override readonly name = "HangUp";
}

/**
 * @param refusal Why a request is refused.
 * @param answers How the answer is written.
 * @returns The headers of the answer, but for its length.
 */
export function refusalHeaders(
  { status, headers }: Refusal,
  { contentType }: AnswerFormat = OWN_ANSWERS,
): Record<string, string> {
  return { "Content-Type": contentType, ...(status === 503 ? RETRY_AFTER : undefined), ...headers };
}
