import { type BufferedBatch, weightOf } from "../collector/batch.ts";
import { lostRecords } from "../collector/record_ranges.ts";
import { type BodyCoding, BodyCompressor } from "./body_compressor.ts";
import { httpError } from "./http_error.ts";
import { type HttpOutcome, readAnswer, type UpstreamLoss } from "./http_answer.ts";
import { type HttpPart, HttpParts, startOf } from "./http_parts.ts";
import { type Sink, SinkError, type WriteContext } from "./sink.ts";
import type { SinkFigure } from "./sink_figures.ts";

/** Where a {@linkcode HttpSink} sends, and how. */
export interface HttpSinkOptions {
  /** Where JSON records and frames go, with `{source}` for the name of the source; nowhere when left out. */
  url?: string | undefined;
  /** Where OTLP goes, with `{signal}` for what it carries and `{source}`; when left out, OTLP/JSON goes to `url`. */
  otlpUrl?: string | undefined;
  /**
   * The most bytes of NDJSON in one request, before compression; a larger record goes alone.
   *
   * @default {4194304}
   */
  maxBytes?: number;
  /**
   * The content coding of requests.
   *
   * @default {"none"}
   */
  compression?: BodyCoding;
  /** Headers of every request, beside those that tell what its body is. */
  headers?: Readonly<Record<string, string>>;
  /** What must not come back in a message, should the other side repeat it: parts of headers. */
  secrets?: readonly string[];
  /** A file of certificates in PEM form, to be trusted beside those that the runtime trusts. */
  caFile?: string | undefined;
  /** Is told when the other side begins to lose records of a source that it took, and not again until it took some whole. */
  onLoss?: (source: string, loss: UpstreamLoss) => void;
}

/** How far a batch has got. */
interface Progress {
  /** Index of the first record that was neither taken nor refused. */
  next: number;
  /** The most records to send at once: fewer where they were too many, and more again with every request that was taken. */
  most: number;
  /** The records that were refused for what they are, as ranges. */
  readonly refused: { from: number; to: number }[];
  /** What the last of them were refused with. */
  error: SinkError | undefined;
}

/** Connections are kept for so many requests at once; it is one for each source that is being flushed. */
const IDLE_CONNECTIONS = 64;
/** And for so many milliseconds. */
const IDLE_TIME = 30_000;

/**
 * Sends batches to another collector over HTTP: JSON records as NDJSON, frames and OTLP messages in a request each, all
 * of them as they came.
 *
 * A request is taken or not as a whole, and what was taken of a batch is remembered: the same batch (the same object)
 * is continued where it broke off. Where a connection breaks after the request went out, nobody knows whether it was
 * taken, and it is sent again: at least once.
 *
 * Requests of one source go one after the other, so that its records arrive in their order.
 */
export class HttpSink implements Sink {
  readonly #options: HttpSinkOptions;
  readonly #parts: HttpParts;
  readonly #compressor: BodyCompressor;
  readonly #headers: Headers;
  readonly #progress = new WeakMap<BufferedBatch, Progress>();
  /** The sources that the other side loses records of. */
  readonly #losing = new Set<string>();
  readonly #lost = { dropped: 0, evicted: 0, rejected: 0 };
  #requests = 0;
  #sentBytes = 0;
  #client: Deno.HttpClient | undefined;
  #closed = false;

  /**
   * @param options Where to, and how.
   * @throws {TypeError} If a header has a name or a value that HTTP does not allow.
   */
  constructor(options: HttpSinkOptions) {
    const { url, otlpUrl, maxBytes = 4 * 2 ** 20, compression = "none", headers = {} } = options;
    this.#options = options;
    this.#parts = new HttpParts({ url, otlpUrl, maxBytes });
    this.#compressor = new BodyCompressor(compression);
    this.#headers = new Headers(headers);
    if (!this.#headers.has("user-agent")) this.#headers.set("User-Agent", "penstock");
    // Answers are short, and their limit shall hold for what was sent.
    this.#headers.set("Accept-Encoding", "identity");
  }

  /**
   * Reads the certificates, if there are any. Connects to nobody: the other side may come later.
   *
   * @throws {Error} If they cannot be read or are none.
   */
  async open(): Promise<void> {
    const { caFile } = this.#options;
    const caCerts = caFile === undefined ? [] : [await readCertificates(caFile)];
    this.#client = Deno.createHttpClient({
      caCerts,
      poolMaxIdlePerHost: IDLE_CONNECTIONS,
      poolIdleTimeout: IDLE_TIME,
    });
  }

  /**
   * Sends one batch, or what is left of it after a failed attempt.
   *
   * @param batch The batch.
   * @param context Its source, and the signal that ends a request under way.
   * @throws {SinkError} If the other side did not take all of it. Where it refused some records for what they are, it got
   *   the others before this is thrown. In any case the error tells which were not taken.
   */
  async write(batch: BufferedBatch, { source, signal }: WriteContext): Promise<void> {
    const progress = this.#progressOf(batch);
    try {
      while (progress.next < batch.ends.length) {
        const part = this.#parts.next(batch, source, progress.next, progress.most);
        if (part === undefined) refuse(progress, progress.next + 1, noPlace(batch));
        else this.#advance(progress, part, source, await this.#send(batch, part, progress.next, signal));
      }
    } catch (error) {
      throw error instanceof SinkError ? withUntaken(error, batch, progress) : error;
    }
    this.#progress.delete(batch);
    if (progress.error !== undefined) throw withUntaken(progress.error, batch, progress);
  }

  /** Does nothing: whether what was taken is synced is for the other side to say, by when it answers. */
  sync(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends all connections. Nothing can be sent afterwards. */
  close(): Promise<void> {
    this.#closed = true;
    this.#compressor.close();
    this.#client?.close();
    this.#client = undefined;
    return Promise.resolve();
  }

  /** What it sent, and what the other side lost of it by its own account. */
  *figures(): Generator<SinkFigure> {
    yield { name: "requests", value: this.#requests };
    yield { name: "sent_bytes", value: this.#sentBytes };
    for (const [reason, value] of Object.entries(this.#lost)) {
      yield { name: "upstream_lost_records", value, labels: { reason } };
    }
  }

  #progressOf(batch: BufferedBatch): Progress {
    let progress = this.#progress.get(batch);
    if (progress === undefined) {
      progress = { next: 0, most: batch.ends.length, refused: [], error: undefined };
      this.#progress.set(batch, progress);
    }
    return progress;
  }

  #advance(progress: Progress, { to }: HttpPart, source: string, outcome: HttpOutcome): void {
    const records = to - progress.next;
    if (outcome.taken) {
      this.#bookLoss(source, outcome.loss);
      progress.most *= 2;
      progress.next = to;
    } else if (outcome.cause === "too_large" && records > 1) {
      progress.most = Math.ceil(records / 2);
    } else if (outcome.cause === "other") {
      throw outcome.error;
    } else {
      refuse(progress, to, outcome.error);
    }
  }

  async #send(
    batch: BufferedBatch,
    { to, url, contentType, signal: otlp }: HttpPart,
    from: number,
    signal: AbortSignal,
  ): Promise<HttpOutcome> {
    const { origin, pathname } = new URL(url);
    const target = origin + pathname;
    const client = this.#clientFor(target);
    const headers = new Headers(this.#headers);
    headers.set("Content-Type", contentType);
    headers.set("Accept", otlp === undefined ? "application/json" : contentType);
    const records = batch.data.subarray(startOf(batch, from), startOf(batch, to));
    const { coding, bytes } = await this.#compressor.compress(records);
    if (coding !== undefined) headers.set("Content-Encoding", coding);
    this.#requests++;
    this.#sentBytes += bytes.length;
    let response: Response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers,
        body: bytes as Uint8Array<ArrayBuffer>,
        redirect: "manual", // headers may hold what is for this address alone
        client,
        signal,
      } as RequestInit); // which has no client where the types of browsers are in use
    } catch (error) {
      throw httpError(error, target, signal);
    }
    return await readAnswer(response, target, (text) => this.#redact(text));
  }

  #clientFor(target: string): Deno.HttpClient {
    if (this.#client !== undefined) return this.#client;
    const [state, kind] = this.#closed ? ["closed", "closed"] : ["not open", "unknown"];
    throw new SinkError(`Cannot send to ${target}: the sink is ${state}`, { kind, retryable: false });
  }

  #redact(text: string): string {
    const { secrets = [] } = this.#options;
    return secrets.reduce((text, secret) => text.replaceAll(secret, "***"), text);
  }

  #bookLoss(source: string, loss: UpstreamLoss | undefined): void {
    if (loss === undefined) {
      this.#losing.delete(source);
      return;
    }
    for (const reason of ["dropped", "evicted", "rejected"] as const) this.#lost[reason] += loss[reason];
    if (this.#losing.has(source)) return;
    this.#losing.add(source);
    this.#options.onLoss?.(source, loss);
  }
}

/** Goes on behind records that nobody will take. */
function refuse(progress: Progress, to: number, error: SinkError): void {
  const last = progress.refused.at(-1);
  if (last?.to === progress.next) last.to = to;
  else progress.refused.push({ from: progress.next, to });
  progress.error = error;
  progress.next = to;
}

function noPlace({ format }: BufferedBatch): SinkError {
  const key = format === "json" || format === "binary" ? "url" : "otlpUrl";
  const what = format === "json" ? "JSON records" : format === "binary" ? "frames" : "OTLP messages";
  return new SinkError(`Cannot send ${what}: the sink has no '${key}'`, { kind: "no_url", retryable: false });
}

/** Adds which records were not taken, if others were. */
function withUntaken(error: SinkError, batch: BufferedBatch, { next, refused }: Progress): SinkError {
  const rest = next < batch.ends.length ? [{ from: next, to: batch.ends.length }] : [];
  const untaken = [...refused, ...rest];
  const { records } = lostRecords(batch, [untaken]).amount;
  if (records === weightOf(batch)) return error;
  const { kind, retryable, retryAfter, cause } = error;
  const some = retryable ? "" : `; not taken were ${records} records, the others of their batch were`;
  return new SinkError(error.message + some, { kind, retryable, retryAfter, untaken, cause });
}

async function readCertificates(file: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot read the certificates in '${file}': ${reason}`, { cause: error });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Error(`Cannot use the certificates in '${file}': there is none in PEM form`);
  }
  return text;
}
