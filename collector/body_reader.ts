import { type ContentCoding, decode, decodedSizeHint } from "./content_coding.ts";
import type { MemoryLease } from "./memory_lease.ts";
import { blockSize, freeMemory, giveBlock, takeBlock } from "./memory.ts";
import { PendingRead, type ReadDeadlines, type ReadEnd } from "./read_deadlines.ts";

/** A body up to this size is read in one go, which is the fastest; a larger one in pieces, see {@linkcode readBody}. */
export const ONE_GO = 64 * 1024;

/** Telemetry is rarely compressed to less than a sixteenth. */
const LIKELY_RATIO = 16;

/** How a body could not be read. */
export type ReadFailure =
  /** It is larger than the limit. */
  | "too_large"
  /** There is no memory for it. */
  | "overloaded"
  /** The agent went away before its end. */
  | "aborted"
  | ReadEnd;

/** A body as it was sent, in memory that is its own, or why it could not be read. */
export type BodyResult =
  | { readonly ok: true; readonly body: Uint8Array<ArrayBuffer> }
  | {
    readonly ok: false;
    readonly failure: ReadFailure;
    /** Holds the rest of the body, where it was begun to be read in pieces. */
    readonly reader?: BodyReader | undefined;
  };

/** Reads a body piece by piece. As long as it does not, nobody reads the agent's socket. */
export type BodyReader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

/** Options of {@linkcode readBody}. */
export interface ReadBodyOptions {
  /** Its length, where the agent told it; that much is on the lease already. */
  readonly length: number | undefined;
  /** The most bytes it may have. */
  readonly limit: number;
  /** Where its memory is reserved; grows as a body of unknown length does. */
  readonly lease: MemoryLease;
  readonly deadlines: ReadDeadlines;
}

/**
 * Reads a request's body to its end.
 *
 * A large body is read in pieces into memory of its final size, and each piece is freed as soon as it is copied. Read in
 * one go by the runtime, 64 agents with 1 MiB each make the process grow to 1.3 GB before the garbage collector comes
 * round, at 500 bodies a second; like this it is 0.18 GB and 2 280 bodies.
 *
 * @param request The request.
 * @param options What is known of the body, and its limits.
 * @returns The body with one spare byte behind it where it was read in pieces, or why it could not be read.
 */
export function readBody(request: Request, options: ReadBodyOptions): Promise<BodyResult> {
  const { length, deadlines } = options;
  if (length === undefined || length > ONE_GO) return readInPieces(request, options);
  return new Promise((resolve) => {
    const read = new PendingRead((end) => resolve({ ok: false, failure: end }));
    deadlines.begin(read);
    request.arrayBuffer().then(
      (buffer) => {
        deadlines.done(read);
        resolve({ ok: true, body: new Uint8Array(buffer) });
      },
      () => {
        deadlines.done(read);
        resolve({ ok: false, failure: "aborted" });
      },
    );
  });
}

async function readInPieces(
  request: Request,
  { length, limit, lease, deadlines }: ReadBodyOptions,
): Promise<BodyResult> {
  const expected = (length ?? ONE_GO) + 1; // one more for the line feed that the last line may lack
  if (!lease.tryResize(blockSize(expected))) return { ok: false, failure: "overloaded" };
  let buffer = takeBlock(expected);
  const reader = request.body?.getReader();
  const late = performance.now() + deadlines.timeout;
  let filled = 0;
  for await (const piece of readPieces(reader, deadlines)) {
    if (typeof piece === "string") return failed(piece);
    // Each piece has its time, so that an agent that sends a byte now and then is never late for the next one.
    if (performance.now() > late) return failed("timeout");
    if (filled + piece.length > limit) return failed("too_large");
    if (filled + piece.length >= buffer.byteLength) {
      const capacity = Math.min(limit + 1, Math.max(2 * buffer.byteLength, filled + piece.length + 1));
      if (!lease.tryResize(blockSize(capacity) + buffer.byteLength)) return failed("overloaded");
      const larger = takeBlock(capacity);
      new Uint8Array(larger).set(new Uint8Array(buffer, 0, filled));
      giveBlock(buffer);
      buffer = larger;
      lease.tryResize(buffer.byteLength);
    }
    new Uint8Array(buffer).set(piece, filled);
    filled += piece.length;
  }
  return { ok: true, body: new Uint8Array(buffer, 0, filled) };

  function failed(failure: ReadFailure): BodyResult {
    giveBlock(buffer);
    return { ok: false, failure, reader };
  }
}

/**
 * Reads a request's body piece by piece, as it arrives. Not reading on is what stops the agent: the kernel's window
 * closes.
 *
 * @param reader The body's; none where there is no body.
 * @param deadlines How long a piece may take to arrive.
 * @param free Whether a piece can be freed when the next one is asked for: not so if whoever asks reads ahead.
 * @returns The pieces, each in memory of its own; last, in place of a piece, why there are no more, if that is not the end.
 */
export async function* readPieces(
  reader: BodyReader | undefined,
  deadlines: ReadDeadlines,
  free: boolean = true,
): AsyncGenerator<Uint8Array<ArrayBuffer> | "aborted" | ReadEnd, void> {
  if (reader === undefined) return;
  for (;;) {
    const piece = await new Promise<Uint8Array<ArrayBuffer> | "aborted" | "end" | ReadEnd>((resolve) => {
      const read = new PendingRead(resolve);
      deadlines.begin(read);
      reader.read().then(
        ({ done, value }) => resolve(done ? "end" : value),
        () => resolve("aborted"),
      ).finally(() => deadlines.done(read));
    });
    if (piece === "end") return;
    yield piece;
    if (typeof piece === "string") return;
    if (free) freeMemory(piece);
  }
}

/**
 * Takes the content coding off a body. The body's memory is freed.
 *
 * @param coding Its coding.
 * @param body The body as it was sent.
 * @param options The most bytes it may have without its coding, and where memory is reserved.
 * @returns The body in memory of its own, or why there is none.
 */
export async function decodeBody(
  coding: ContentCoding,
  body: Uint8Array<ArrayBuffer>,
  { limit, lease }: { readonly limit: number; readonly lease: MemoryLease },
): Promise<
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly failure: "too_large" | "overloaded" }
  | { readonly ok: false; readonly failure: "invalid_encoding"; readonly reason: string }
> {
  const hint = decodedSizeHint(coding, body);
  // Memory for both forms at once. A guess that is too small costs a second try with everything that is allowed.
  const guess = hint !== undefined && hint > 0 ? hint : LIKELY_RATIO * body.length + ONE_GO;
  for (const most of guess < limit ? [guess, limit] : [limit]) {
    if (!lease.tryResize(body.length + most)) return { ok: false, failure: "overloaded" };
    const decoded = await decode(coding, body, most);
    if (!decoded.ok && decoded.code === "too_large" && most < limit) continue;
    giveBlock(body.buffer);
    if (!decoded.ok) {
      return decoded.code === "too_large"
        ? { ok: false, failure: "too_large" }
        : { ok: false, failure: "invalid_encoding", reason: decoded.reason };
    }
    lease.tryResize(decoded.body.length);
    return decoded;
  }
  return { ok: false, failure: "too_large" };
}
