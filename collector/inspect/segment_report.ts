import { isUtf8 } from "node:buffer";
import { basename } from "node:path";
import type { RecordFormat } from "../batch.ts";
import { JsonValidator } from "../json_validator.ts";
import { encodeOtlpJson } from "../otlp_json_encoding.ts";
import { REQUESTS } from "../otlp_schema.ts";
import type { Signal } from "../otlp_signal.ts";
import { OtlpWire } from "../otlp_wire.ts";
import { EXTENSIONS } from "../../sinks/file_encoding.ts";
import { COMPRESSED_SUFFIXES, type Compression } from "../../sinks/finished_name.ts";
import { OPEN_SUFFIX, parseSegmentName } from "../../sinks/segment_names.ts";
import { BrokenStream } from "./broken_stream.ts";
import { contentOf } from "./segment_content.ts";
import { FrameSplitter, LineSplitter } from "./record_splitter.ts";

/** A longer record is taken for garbage. It is looked for only where records are looked into. */
const MOST_BYTES = 1024 * 1024 * 1024;

const LINE_FEED = 0x0a;

/**
 * How a segment is: `whole`; `torn`, where there is something behind its last whole record; `broken`, where it cannot be
 * decompressed to its end; `damaged`, where records are not what they should be; `unreadable`, where it is not there, may
 * not be read, or has another name than segments have.
 */
export type SegmentState = "whole" | "torn" | "broken" | "damaged" | "unreadable";

/** What is known of a segment. */
export interface SegmentReport {
  readonly file: string;
  readonly state: SegmentState;
  /** What is wrong, in words; empty if nothing is. */
  readonly problem: string;
  /** Whether it is still written to, or was when a process ended, as its name says. */
  readonly open: boolean;
  /** What is in it; `null` where the name does not tell. */
  readonly format: RecordFormat | null;
  readonly compression: Compression;
  /** Whole records. */
  readonly records: number;
  /** Log records, data points or spans in them; of other formats as many as there are records. */
  readonly weight: number;
  /** Records that are not valid: no JSON, or no OTLP. */
  readonly invalidRecords: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** Bytes that it holds, decompressed, those behind the last whole record included. */
  readonly bytes: number;
  /** Bytes behind the last whole record. */
  readonly tornBytes: number;
  /** The earliest and the latest time, in ISO 8601; `null` where there is none. What they mean, `timesFrom` says. */
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /**
   * Where the times are from: `records`, of OTLP, from the log records, data points or spans; `file`, where the first is
   * when the segment was begun, as its name says, and the last when the file was last written to.
   */
  readonly timesFrom: "records" | "file";
}

/** What is done with each valid record, as a line of JSON with its line feed. */
export type RecordLine = (line: Uint8Array) => Promise<void> | void;

const SIGNAL_OF: Partial<Record<RecordFormat, Signal>> = {
  "otlp-logs": "logs",
  "otlp-metrics": "metrics",
  "otlp-traces": "traces",
};

/** Where times stand in OTLP/JSON. In the text of an attribute the quotes would be escaped. */
const TIMES: Readonly<Record<Signal, RegExp>> = {
  logs: /"(?:t|observedT)imeUnixNano":"(\d+)"/g,
  metrics: /"timeUnixNano":"(\d+)"/g,
  traces: /"(?:start|end)TimeUnixNano":"(\d+)"/g,
};

/**
 * Looks at one segment from its beginning to its end.
 *
 * @param path Where it is.
 * @param onRecord What is done with its records, if anything is.
 * @returns What is known of it.
 */
export async function inspectSegment(path: string, onRecord?: RecordLine): Promise<SegmentReport> {
  const inspection = new Inspection(path, onRecord);
  await inspection.run();
  return inspection.report();
}

class Inspection {
  readonly #path: string;
  readonly #onRecord: RecordLine | undefined;
  readonly #open: boolean;
  readonly #compression: Compression;
  readonly #format: RecordFormat | undefined;
  readonly #begun: number | undefined;
  readonly #json = new JsonValidator();
  readonly #wire = new OtlpWire();
  readonly #latin1 = new TextDecoder("latin1");
  #state: SegmentState = "whole";
  #problem = "";
  #records = 0;
  #weight = 0;
  #invalid = 0;
  #fileBytes = 0;
  #bytes = 0;
  #torn = 0;
  #written: number | undefined;
  #firstNano: bigint | undefined;
  #lastNano: bigint | undefined;

  constructor(path: string, onRecord: RecordLine | undefined) {
    this.#path = path;
    this.#onRecord = onRecord;
    let name = basename(path);
    this.#begun = parseSegmentName(name)?.time;
    this.#open = name.endsWith(OPEN_SUFFIX);
    if (this.#open) name = name.slice(0, -OPEN_SUFFIX.length);
    const [compression = "none", suffix = ""] =
      Object.entries(COMPRESSED_SUFFIXES).find(([, suffix]) => name.endsWith(suffix)) ?? [];
    this.#compression = compression as Compression;
    name = name.slice(0, name.length - suffix.length);
    const formats = Object.entries(EXTENSIONS) as [RecordFormat, string][];
    this.#format = formats.find(([, extension]) => name.endsWith(`.${extension}`))?.[0];
  }

  async run(): Promise<void> {
    try {
      using file = await Deno.open(this.#path);
      const { size, mtime, isFile } = await file.stat();
      if (!isFile) return this.#is("unreadable", "it is no file");
      this.#fileBytes = size;
      this.#written = mtime?.getTime();
      if (this.#format === undefined) {
        const known = Object.values(EXTENSIONS).map((extension) => `.${extension}`).join(", ");
        return this.#is("unreadable", `its name does not end in ${known}, nor that with .gz, .zst or .open`);
      }
      await this.#read(file, this.#format);
    } catch (error) {
      if (error instanceof BrokenStream) this.#is("broken", `cannot be decompressed: ${error.message}`);
      else if (error instanceof RangeError) this.#is("damaged", error.message);
      else if (isSystemError(error)) this.#is("unreadable", error.message);
      else throw error;
    }
  }

  async #read(file: Deno.FsFile, format: RecordFormat): Promise<void> {
    const looksInside = this.#onRecord !== undefined || format !== "binary";
    const splitter = format === "json"
      ? new LineSplitter(MOST_BYTES)
      : new FrameSplitter(looksInside ? MOST_BYTES : undefined);
    try {
      for await (const piece of contentOf(file, this.#compression)) {
        this.#bytes += piece.length;
        for (const record of splitter.push(piece)) {
          this.#records++;
          const line = this.#lineOf(record, format);
          if (line === undefined) this.#invalid++;
          else if (this.#onRecord !== undefined) await this.#onRecord(line);
        }
      }
    } finally {
      this.#torn = splitter.rest;
    }
    if (this.#torn > 0) {
      this.#is("torn", `${this.#torn} bytes behind the last whole record`);
    } else if (this.#invalid > 0) {
      this.#is("damaged", `${this.#invalid} records are not valid`);
    }
  }

  /** What a record is as a line of JSON, as far as somebody wants it; `undefined` if it is not valid. */
  #lineOf(record: Uint8Array, format: RecordFormat): Uint8Array | undefined {
    const signal = SIGNAL_OF[format];
    if (signal !== undefined) return this.#otlpLine(record, signal);
    this.#weight++;
    if (format === "json") return this.#isJson(record) ? record : undefined;
    if (this.#onRecord === undefined) return record;
    return new TextEncoder().encode(`{"record":"${record.toBase64()}"}\n`);
  }

  #isJson(line: Uint8Array): boolean {
    if (line[line.length - 1] !== LINE_FEED || line.length === 1) return false;
    this.#json.nonAscii = false;
    const end = this.#json.validate(line, 0, line.length - 1, true);
    return end === line.length - 1 && (!this.#json.nonAscii || isUtf8(line));
  }

  #otlpLine(record: Uint8Array, signal: Signal): Uint8Array | undefined {
    const weight = this.#wire.weigh(record, REQUESTS[signal]);
    if (weight < 0) return undefined;
    this.#weight += weight;
    const line = encodeOtlpJson(signal, record);
    if (typeof line === "string") {
      throw new RangeError(`record ${this.#records} cannot be written as JSON: a field comes again in it`);
    }
    for (const [, digits = "0"] of this.#latin1.decode(line).matchAll(TIMES[signal])) {
      const nano = BigInt(digits);
      if (nano === 0n) continue; // which is how OTLP says that a time is not known
      if (this.#firstNano === undefined || nano < this.#firstNano) this.#firstNano = nano;
      if (this.#lastNano === undefined || nano > this.#lastNano) this.#lastNano = nano;
    }
    return line;
  }

  #is(state: SegmentState, problem: string): void {
    this.#state = state;
    this.#problem = problem;
  }

  report(): SegmentReport {
    const fromRecords = this.#firstNano !== undefined;
    const milliseconds = (nano: bigint | undefined) =>
      nano === undefined ? undefined : Number(nano / 1_000_000n);
    return {
      file: this.#path,
      state: this.#state,
      problem: this.#problem,
      open: this.#open,
      format: this.#format ?? null,
      compression: this.#compression,
      records: this.#records,
      weight: this.#weight,
      invalidRecords: this.#invalid,
      fileBytes: this.#fileBytes,
      bytes: this.#bytes,
      tornBytes: this.#torn,
      firstTime: toIso(fromRecords ? milliseconds(this.#firstNano) : this.#begun),
      lastTime: toIso(fromRecords ? milliseconds(this.#lastNano) : this.#written),
      timesFrom: fromRecords ? "records" : "file",
    };
  }
}

function toIso(milliseconds: number | undefined): string | null {
  // Beyond the year 275760 there is no date.
  if (milliseconds === undefined || milliseconds > 8.64e15) return null;
  return new Date(milliseconds).toISOString();
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error &&
    ("code" in error || Object.values(Deno.errors).some((type) => error instanceof type));
}
