import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import {
  ExportLogsServiceRequestSchema,
  ExportMetricsServiceRequestSchema,
  ExportTraceServiceRequestSchema,
} from "./otlp/otlp_pb.ts";
import type { Signal } from "./otlp_signal.ts";

/** How the value of a field is written: what the wire format, and what JSON makes of it. */
export type FieldKind =
  | "double"
  | "uint64"
  | "int64"
  | "uint32"
  | "int32"
  | "enum"
  | "bool"
  | "string"
  | "bytes"
  | "message";

/** The wire types of Protobuf. */
export const VARINT = 0, FIXED64 = 1, DELIMITED = 2, START_GROUP = 3, END_GROUP = 4, FIXED32 = 5;

/** A field of a message, in the form that is quick to check by. */
export interface OtlpField {
  /** Its name in JSON. */
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly kind: FieldKind;
  /** The wire type of one value. */
  readonly wireType: number;
  readonly repeated: boolean;
  /** Whether several values may stand in one delimited field. */
  readonly packable: boolean;
  /** Of a field of kind `message`: what it holds. */
  readonly message: OtlpMessage | undefined;
  /** Whether a value of its default is told from none at all. */
  readonly explicit: boolean;
  /** Of an integer: whether its sign is in its last bit. */
  readonly zigzag: boolean;
  /** Of an id, which is hexadecimal in JSON: how many digits it has; 0 for any other field. */
  readonly idDigits: number;
  /** Whether each value is one of those that requests are counted in. */
  readonly counts: boolean;
  /** Number of the group of fields of which a message has at most one; 0 for none. */
  readonly choice: number;
  /** A bit of its own among the fields of its message. */
  readonly bit: number;
}

/** How many messages and groups may be nested in each other: what most decoders of Protobuf allow, also in JSON. */
export const MAX_MESSAGE_DEPTH = 100;

/** A message, in the form that is quick to check by. */
export interface OtlpMessage {
  /** By number; there are gaps. */
  readonly byNumber: readonly (OtlpField | undefined)[];
  /** By name in JSON. */
  readonly names: OtlpNames;
  /** The fields that hold what requests are counted in, or lead to it. */
  readonly carriers: readonly OtlpField[];
}

/** Digits of the ids that are hexadecimal in JSON, by the names of their fields. */
const ID_DIGITS: Readonly<Record<string, number>> = { traceId: 32, spanId: 16, parentSpanId: 16 };

/** The fields whose values are what requests are counted in. */
const COUNTED: ReadonlySet<string> = new Set(["logRecords", "dataPoints", "spans"]);

const SCALARS: Readonly<Record<ScalarType, readonly [FieldKind, number]>> = {
  [ScalarType.DOUBLE]: ["double", FIXED64],
  [ScalarType.FLOAT]: ["double", FIXED32],
  [ScalarType.INT64]: ["int64", VARINT],
  [ScalarType.UINT64]: ["uint64", VARINT],
  [ScalarType.INT32]: ["int32", VARINT],
  [ScalarType.FIXED64]: ["uint64", FIXED64],
  [ScalarType.FIXED32]: ["uint32", FIXED32],
  [ScalarType.BOOL]: ["bool", VARINT],
  [ScalarType.STRING]: ["string", DELIMITED],
  [ScalarType.BYTES]: ["bytes", DELIMITED],
  [ScalarType.UINT32]: ["uint32", VARINT],
  [ScalarType.SFIXED32]: ["int32", FIXED32],
  [ScalarType.SFIXED64]: ["int64", FIXED64],
  [ScalarType.SINT32]: ["int32", VARINT],
  [ScalarType.SINT64]: ["int64", VARINT],
};

/** The generated description of the request of each signal. */
export const REQUEST_SCHEMAS = {
  logs: ExportLogsServiceRequestSchema,
  metrics: ExportMetricsServiceRequestSchema,
  traces: ExportTraceServiceRequestSchema,
} as const satisfies Record<Signal, DescMessage>;

/** How many slots names are spread over; a power of two. */
const SLOTS = 64;
const NO_FIELDS: readonly OtlpField[] = [];

/** The fields of a message by their names in JSON: to be found without making a string of the name. */
export class OtlpNames {
  readonly #slots: OtlpField[][] = [];
  readonly #fields = new Map<string, OtlpField>();

  /** @param field A field more. */
  add(field: OtlpField): void {
    this.#fields.set(field.name, field);
    const slot = slotOf(field.nameBytes.length, field.nameBytes[0]!);
    for (let empty = this.#slots.length; empty <= slot; empty++) this.#slots.push([]);
    this.#slots[slot]!.push(field);
  }

  /**
   * @param length How many bytes a name has.
   * @param first The first of them.
   * @returns The few fields whose name it may be.
   */
  inSlot(length: number, first: number): readonly OtlpField[] {
    return this.#slots[slotOf(length, first)] ?? NO_FIELDS;
  }

  /**
   * @param name A name.
   * @returns The field of that name, if there is one.
   */
  get(name: string): OtlpField | undefined {
    return this.#fields.get(name);
  }
}

function slotOf(length: number, first: number): number {
  return length + first * 5 & SLOTS - 1;
}

const messages = new Map<string, OtlpMessage>();

/** The request of each signal. */
export const REQUESTS: Readonly<Record<Signal, OtlpMessage>> = {
  logs: compile(REQUEST_SCHEMAS.logs),
  metrics: compile(REQUEST_SCHEMAS.metrics),
  traces: compile(REQUEST_SCHEMAS.traces),
};

function compile(description: DescMessage): OtlpMessage {
  const known = messages.get(description.typeName);
  if (known !== undefined) return known;
  const byNumber: (OtlpField | undefined)[] = [];
  const names = new OtlpNames();
  const carriers: OtlpField[] = [];
  const message = { byNumber, names, carriers };
  messages.set(description.typeName, message); // before its fields: messages hold each other
  for (const [index, field] of description.fields.entries()) {
    const compiled = compileField(field, index, description);
    byNumber[field.number] = compiled;
    names.add(compiled);
    if (compiled.counts || compiled.message !== undefined && compiled.message.carriers.length > 0) {
      carriers.push(compiled);
    }
  }
  for (let number = 0; number < byNumber.length; number++) byNumber[number] ??= undefined; // no holes, which are slow
  return message;
}

function compileField(field: DescField, index: number, { oneofs }: DescMessage): OtlpField {
  const { jsonName: name } = field;
  const repeated = field.fieldKind === "list";
  let kind: FieldKind = "message";
  let wireType: number = DELIMITED;
  if (field.message === undefined) {
    [kind, wireType] = field.scalar === undefined ? ["enum", VARINT] : SCALARS[field.scalar];
  }
  return {
    name,
    nameBytes: new TextEncoder().encode(name),
    kind,
    wireType,
    repeated,
    packable: repeated && wireType !== DELIMITED,
    message: field.message && compile(field.message),
    explicit: field.presence !== FeatureSet_FieldPresence.IMPLICIT,
    zigzag: field.scalar === ScalarType.SINT32 || field.scalar === ScalarType.SINT64,
    idDigits: ID_DIGITS[name] ?? 0,
    counts: COUNTED.has(name),
    choice: field.oneof === undefined ? 0 : oneofs.indexOf(field.oneof) + 1,
    bit: 1 << index,
  };
}
