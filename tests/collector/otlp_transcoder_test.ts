// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { decodeToJson, encodeOtlpJson } from "../../collector/otlp_json_encoding.ts";
import { OtlpTranscoder } from "../../collector/otlp_transcoder.ts";
import { REQUESTS } from "../../collector/otlp_schema.ts";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { OtlpWire } from "../../collector/otlp_wire.ts";
import { encodeRequest } from "./otlp_decoder.ts";
import { mutate, randomOf } from "./otlp_mutations.ts";
import { FULL } from "./otlp_requests.ts";

const transcoder = new OtlpTranscoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function transcode(signal: Signal, request: Uint8Array): string | undefined {
  const json = transcoder.toJson(request, REQUESTS[signal], () => true);
  return json instanceof Uint8Array ? decoder.decode(json) : undefined;
}

/** With names in order, and without a sign before 0, which the library drops. */
function normalized(text: string): unknown {
  return JSON.parse(text, (_, value) => {
    if (Object.is(value, -0)) return 0;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
  });
}

function assertSame(signal: Signal, request: Uint8Array): void {
  const text = transcode(signal, request);
  assert(text !== undefined);
  assertEquals(text.indexOf("\n"), text.length - 1);
  assertEquals(JSON.stringify(normalized(text)), JSON.stringify(normalized(decodeToJson(signal, request))));
}

Deno.test("OtlpTranscoder.toJson() writes what the library writes, of every field", () => {
  for (const signal of SIGNALS) {
    assertSame(signal, encodeRequest(signal, FULL[signal].request));
    assertSame(signal, new Uint8Array(0));
    assertSame(signal, Uint8Array.of(10, 0, 10, 0));
  }
});

const log = (value: unknown) =>
  encodeRequest("logs", { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: value }] }] }] });
const bodyOf = (request: Uint8Array) => {
  assertSame("logs", request);
  return JSON.parse(transcode("logs", request)!).resourceLogs[0].scopeLogs[0].logRecords[0].body;
};

Deno.test("OtlpTranscoder.toJson() escapes what needs it, and nothing else", () => {
  const all = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code));
  for (
    const text of [
      "",
      all,
      "\u2028é部🚀\ufeff",
      '"\\/\b\f\n\r\t',
      "\u0000".repeat(10_000),
      "\u0001".repeat(256),
    ]
  ) {
    assertEquals(bodyOf(log({ stringValue: text })), { stringValue: text });
  }
});

Deno.test("OtlpTranscoder.toJson() writes numbers without loss", () => {
  const integers = [
    "0",
    "1",
    "-1",
    "127",
    "128",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "-2147483649",
  ];
  for (const intValue of [...integers, "9223372036854775807", "-9223372036854775808"]) {
    assertEquals(bodyOf(log({ intValue })), { intValue });
  }
  for (const doubleValue of [0, 0.1, -1.5e300, 5e-324, 1e21, 123456789.125]) {
    assertEquals(bodyOf(log({ doubleValue })), { doubleValue });
  }
  for (const [doubleValue, text] of [[NaN, "NaN"], [Infinity, "Infinity"], [-Infinity, "-Infinity"]]) {
    assertEquals(bodyOf(log({ doubleValue })), { doubleValue: text });
  }
  assert(transcode("logs", log({ doubleValue: -0 }))!.includes('"doubleValue":-0}'));
});

Deno.test("encodeOtlpJson() leaves to the library what a transcoder does not take", () => {
  const twice = Uint8Array.of(10, 14, 18, 12, 18, 10, 42, 3, 10, 1, 0x61, 42, 3, 10, 1, 0x62); // body, body
  const apart = Uint8Array.of(10, 2, 18, 0, 10, 7, 18, 0, 26, 1, 0x61, 18, 0); // scopes, schema, scopes
  const group = Uint8Array.of(0x7b, 0x7c);
  for (const request of [twice, apart, group]) {
    assertEquals(transcode("logs", request), undefined);
    const json = encodeOtlpJson("logs", request);
    assert(json instanceof Uint8Array);
    assertEquals(decoder.decode(json), `${decodeToJson("logs", request)}\n`);
  }
  assert(decodeToJson("logs", twice).includes('{"stringValue":"b"}'));
});

Deno.test("OtlpTranscoder.toJson() writes of every mutation that is valid what the library writes", () => {
  const wire = new OtlpWire();
  let same = 0;
  for (const signal of SIGNALS) {
    const random = randomOf(7);
    const valid = encodeRequest(signal, FULL[signal].request);
    for (let run = 0; run < 10_000; run++) {
      const request = mutate(valid, random);
      if (wire.weigh(request, REQUESTS[signal]) < 0 || transcode(signal, request) === undefined) continue;
      assertSame(signal, request);
      same++;
    }
  }
  assert(same > 500, `${same}`);
});
