import type { RecordFormat } from "./batch.ts";
import type { Framing } from "./framing.ts";
import type { OversightReason } from "./ledger.ts";
import { describeUnexpected, JsonValidator } from "./json_validator.ts";
import type { Framer } from "./media_type.ts";
import { OtlpJson } from "./otlp_json.ts";
import { REQUESTS } from "./otlp_schema.ts";
import type { Signal } from "./otlp_signal.ts";
import { OtlpWire } from "./otlp_wire.ts";
import {
  type FramingFailure,
  type FramingOptions,
  invalidRecord,
  locateUtf8Records,
  type RecordLocator,
  tooManyRecords,
} from "./record_locator.ts";
import { RecordSpans } from "./record_spans.ts";

const LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, TAB = 0x09, SPACE = 0x20;

// Shared by all bodies: framing is synchronous, and each call starts anew.
const validator = new JsonValidator();
const spans = new RecordSpans();
const json = new OtlpJson();
const wire = new OtlpWire();

/** Options of {@linkcode otlpFramer}. */
export interface OtlpFramerOptions {
  readonly signal: Signal;
  /** How the request is encoded. */
  readonly encoding: "json" | "protobuf";
  /** Is told of a request that makes no record, or that holds more than its record is counted for. */
  readonly onOversight: (reason: OversightReason) => void;
}

/**
 * Says how to make a record of an OTLP request: the whole request is one, and weighs as many as it carries. A request
 * that carries nothing makes none. JSON keeps its bytes; if it spans lines, the white space between its tokens goes.
 *
 * @param options What the request is, and what shall be made of it.
 * @returns The framer. The limit of one record is not looked at: a request is limited as a body.
 */
export function otlpFramer({ signal, encoding, onOversight }: OtlpFramerOptions): Framer {
  const frame = encoding === "json" ? frameJson : frameProtobuf;
  return (body, limits) => {
    const framing = frame(signal, body, limits);
    if (framing.ok && framing.batch.ends.length === 0) onOversight("empty");
    else if (framing.ok && encoding === "json" && json.misnamed) onOversight("misnamed");
    return framing;
  };
}

function frameJson(signal: Signal, body: Uint8Array, limits: FramingOptions): Framing {
  validator.lineBreaks = false;
  validator.nonAscii = false;
  let failure = locateUtf8Records(locateValue, body, { record: Infinity }, spans, () => validator.nonAscii);
  let weight = 0;
  if (failure === undefined) {
    weight = json.weigh(body, spans.start(0), REQUESTS[signal]);
    if (weight < 0) failure = invalidField(json);
  }
  const framing = failure ?? one("json", weight, limits, () => spans.pack(body, validator.lineBreaks).data);
  spans.clear();
  return framing;
}

/** One JSON value, and nothing else. */
const locateValue: RecordLocator = (body, _limits, spans) => {
  const start = skipBlank(body, 0);
  if (start === body.length) return invalidRecord(1, start, "no JSON value");
  const stop = validator.validate(body, start, body.length);
  if (stop < 0) return invalidRecord(1, validator.offset, validator.reason);
  spans.add(start, stop);
  const rest = skipBlank(body, stop);
  return rest === body.length
    ? undefined
    : invalidRecord(1, rest, describeUnexpected(body, rest, body.length, "the end of the body"));
};

function skipBlank(body: Uint8Array, at: number): number {
  while (at < body.length && isBlank(body[at]!)) at++;
  return at;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;
}

function frameProtobuf(signal: Signal, body: Uint8Array, limits: FramingOptions): Framing {
  const weight = wire.weigh(body, REQUESTS[signal]);
  return weight < 0 ? invalidField(wire) : one(`otlp-${signal}`, weight, limits, () => body);
}

/** Makes the record, unless it weighs more than may be kept: to find that out afterwards would cost the whole of the work. */
function one(
  format: RecordFormat,
  weight: number,
  { records = Infinity }: FramingOptions,
  makeData: () => Uint8Array,
): Framing {
  if (weight > records) return tooManyRecords(1, 0, records);
  if (weight === 0) {
    return { ok: true, batch: { format, data: new Uint8Array(0), ends: new Uint32Array(0) } };
  }
  const data = makeData();
  const batch = { format, data, ends: Uint32Array.of(data.length), weightEnds: Uint32Array.of(weight) };
  return { ok: true, batch };
}

function invalidField({ offset, path, reason }: OtlpJson | OtlpWire): FramingFailure {
  const failure = invalidRecord(1, offset, path === "" ? reason : `${path}: ${reason}`);
  return path === "" ? failure : { ...failure, field: path };
}
