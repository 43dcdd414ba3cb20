import { amountBetween, type BufferedBatch, type RecordFormat } from "../collector/batch.ts";
import { OtlpJson } from "../collector/otlp_json.ts";
import { REQUESTS } from "../collector/otlp_schema.ts";
import type { Signal } from "../collector/otlp_signal.ts";

/** Some consecutive records of a batch that go in one request. */
export interface HttpPart {
  /** Index behind the last of them. */
  readonly to: number;
  /** Where they go. */
  readonly url: string;
  readonly contentType: string;
  /** What they carry, if they are a request of OTLP. */
  readonly signal: Signal | undefined;
}

/** Options of {@linkcode HttpParts}. */
export interface HttpPartsOptions {
  /** Where JSON records and frames go, with `{source}` for the name of the source; nowhere when left out. */
  readonly url: string | undefined;
  /** Where OTLP goes, with `{signal}` for what it carries and `{source}`; when left out, OTLP/JSON goes to `url`. */
  readonly otlpUrl: string | undefined;
  /** The most bytes of NDJSON in one request; a larger record goes alone. */
  readonly maxBytes: number;
}

const SIGNAL_OF_FORMAT: Readonly<Partial<Record<RecordFormat, Signal>>> = {
  "otlp-logs": "logs",
  "otlp-metrics": "metrics",
  "otlp-traces": "traces",
};

/** What an OTLP request in JSON begins with, whatever white space is between. */
const FIRST_KEY = /^\{\s*"resource(Logs|Metrics|Spans)"\s*:/;
const SIGNAL_OF_KEY: Readonly<Record<string, Signal>> = { Logs: "logs", Metrics: "metrics", Spans: "traces" };
/** Far enough to see that key, unless somebody indents by more than a screen. */
const FIRST_KEY_BYTES = 256;

const decoder = new TextDecoder();
const json = new OtlpJson();

/**
 * Divides batches into requests: as many JSON records as fit into one, as NDJSON; each frame and each OTLP message in a
 * request of its own, because that is how the other side tells where it ends.
 */
export class HttpParts {
  readonly #options: HttpPartsOptions;

  /** @param options Where records go. */
  constructor(options: HttpPartsOptions) {
    this.#options = options;
  }

  /**
   * Says which records go next.
   *
   * @param batch The batch.
   * @param source The name of its source.
   * @param from Index of the first record.
   * @param most The most records in one request.
   * @returns The part, of one record at least; nothing if there is no place for such records.
   */
  next(batch: BufferedBatch, source: string, from: number, most: number): HttpPart | undefined {
    const { url, otlpUrl } = this.#options;
    const signal = signalOf(batch, from);
    if (signal !== undefined && otlpUrl !== undefined) {
      const contentType = batch.format === "json" ? "application/json" : "application/x-protobuf";
      const target = otlpUrl.replaceAll("{signal}", signal).replaceAll("{source}", source);
      return { to: from + 1, url: target, contentType, signal };
    }
    if (url === undefined || batch.format !== "json" && batch.format !== "binary") return undefined;
    const target = url.replaceAll("{source}", source);
    return batch.format === "json"
      ? {
        to: this.#endOfLines(batch, from, most),
        url: target,
        contentType: "application/x-ndjson",
        signal: undefined,
      }
      : { to: from + 1, url: target, contentType: "application/octet-stream", signal: undefined };
  }

  #endOfLines(batch: BufferedBatch, from: number, most: number): number {
    const { ends, weightEnds } = batch;
    const last = Math.min(ends.length, from + most);
    const limit = startOf(batch, from) + this.#options.maxBytes;
    const mixed = weightEnds !== undefined && this.#options.otlpUrl !== undefined;
    if (!mixed && ends[last - 1]! <= limit) return last; // nearly every batch
    let to = from + 1;
    while (to < last && ends[to]! <= limit && !(mixed && signalOf(batch, to) !== undefined)) to++;
    return to;
  }
}

/**
 * Says which signal a record of OTLP carries.
 *
 * JSON that came by the routes of OTLP tells its signal itself, with the key that it begins with. It is told from other
 * JSON by its weight: a line of somebody's own weighs 1, however much of OTLP is in it. What weighs 1 and carries one log
 * record, data point or span may have come either way, and is the same to whoever gets it.
 */
function signalOf(batch: BufferedBatch, record: number): Signal | undefined {
  if (batch.format !== "json") return SIGNAL_OF_FORMAT[batch.format];
  if (batch.weightEnds === undefined) return undefined;
  const start = startOf(batch, record);
  const head = batch.data.subarray(start, Math.min(batch.ends[record]!, start + FIRST_KEY_BYTES));
  const signal = SIGNAL_OF_KEY[FIRST_KEY.exec(decoder.decode(head))?.[1] ?? ""];
  if (signal === undefined || amountBetween(batch, record, record + 1).records > 1) return signal;
  return json.weigh(batch.data, start, REQUESTS[signal]) === 1 ? signal : undefined;
}

/**
 * Says where a record begins in the data of its batch.
 *
 * @param batch The batch.
 * @param record Index of the record, or the number of records for their end.
 * @returns The offset, which is where the record before it ends.
 */
export function startOf(batch: BufferedBatch, record: number): number {
  return record === 0 ? 0 : batch.ends[record - 1]!;
}
