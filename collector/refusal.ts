/** A request that gets an error as its answer. */
export interface Refusal {
  readonly status: 400 | 404 | 405 | 408 | 413 | 415 | 429 | 500 | 503;
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
 * How long an agent that goes on sending has to take the answer in before the connection is reset. The server swallows
 * what it sends meanwhile: at 2 ms that is about a megabyte beside the four that the kernel takes, at a second 300.
 */
const HANG_UP_AFTER = 2;

/**
 * Makes the answer to a refused request whose body was read to its end, or that has none.
 *
 * @param refusal Why it is refused.
 * @returns The answer.
 */
export function answerRefusal(refusal: Refusal): Response {
  return new Response(toBody(refusal), { status: refusal.status, headers: toHeaders(refusal) });
}

/**
 * Makes the answer to a refused request whose body was not read, or not to its end.
 *
 * The server reads on after the answer, at a gigabyte a second, for as long as an agent sends. So only a small known
 * remainder is read; otherwise the answer is followed by the end of the connection.
 *
 * @param refusal Why it is refused.
 * @param request The request.
 * @returns The answer.
 */
export function answerUnread(refusal: Refusal, request: Request): Response {
  const length = Number(request.headers.get("content-length") ?? (request.body === null ? 0 : Infinity));
  return length <= SMALL_REMAINDER ? answerRefusal(refusal) : hangUp(refusal);
}

/** An answer that tells everything at once and then breaks off, so that the server closes the connection. */
function hangUp(refusal: Refusal): Response {
  const body = toBody(refusal);
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
        }, HANG_UP_AFTER);
      });
    },
    cancel() {
      clearTimeout(timer);
    },
  }, { highWaterMark: 0 });
  // With its length told, the answer is complete for the agent before the connection ends.
  const headers = { ...toHeaders(refusal), "Connection": "close", "Content-Length": String(body.length) };
  return new Response(stream, { status: refusal.status, headers });
}

/** Ends a connection on purpose. The server reports it as an error of the answer, which it is not. */
export class HangUp extends Error {
  override readonly name = "HangUp";
}

function toBody({ code, message, details }: Refusal): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ error: { code, message, ...details } }) + "\n");
}

function toHeaders({ status, headers }: Refusal): Record<string, string> {
  return { "Content-Type": "application/json", ...(status === 503 ? RETRY_AFTER : undefined), ...headers };
}
