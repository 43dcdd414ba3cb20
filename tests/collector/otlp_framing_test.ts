// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { otlpConversion } from "../../collector/otlp_json_encoding.ts";
import { otlpFramer } from "../../collector/otlp_framing.ts";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { encodeRequest } from "./otlp_decoder.ts";
import { FULL, toJson } from "./otlp_requests.ts";
import { assertWeight, span } from "./otlp_texts.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function frame(signal: Signal, body: string | Uint8Array, options = { toJson: false }) {
  const encoding = typeof body === "string" ? "json" as const : "protobuf" as const;
  const framer = otlpFramer({ signal, encoding, onOversight: () => {} });
  const framing = framer(typeof body === "string" ? encoder.encode(body) : body, { record: 1 });
  if (!options.toJson || !framing.ok || framing.batch.ends.length === 0) return framing;
  const converted = otlpConversion(signal).convert(framing.batch, { tryResize: () => true });
  if (converted === "overloaded") throw new Error(converted);
  return converted;
}

Deno.test("otlpFramer() keeps JSON as it came, on one line", () => {
  const kept: [sent: string, line: string][] = [
    [span('"x":1.0,"y":1e400,"z":"\\u00e9 é"'), span('"x":1.0,"y":1e400,"z":"\\u00e9 é"')],
    [` \n${span('"x": [1,\t2]')}\r\n`, span('"x": [1,\t2]')],
    [span('"x": \n[1,\t2 ] ,"y":" \\n "'), span('"x":[1,2],"y":" \\n "')],
    [span('"x": [1, 2]'), span('"x": [1, 2]')], // whatever the one before it was
  ];
  for (const [sent, line] of kept) {
    const framing = frame("traces", sent);
    if (!framing.ok) throw new Error(framing.reason);
    const { format, data, ends, weightEnds } = framing.batch;
    assertEquals([format, decoder.decode(data)], ["json", `${line}\n`]);
    assertEquals([[...ends], [...weightEnds!]], [[data.length], [1]]);
  }
});

Deno.test("otlpFramer() makes no record of a request that carries nothing", () => {
  for (const body of ["{}", '{"resourceSpans":[{"resource":{}}]}', new Uint8Array(0), Uint8Array.of(10, 0)]) {
    for (const toJson of [false, true]) {
      const framing = frame("traces", body, { toJson });
      if (!framing.ok) throw new Error(framing.reason);
      assertEquals([framing.batch.ends.length, framing.batch.data.length], [0, 0]);
    }
  }
});

Deno.test("otlpFramer() says what is not a request", () => {
  const cases: [body: string | Uint8Array, offset: number, reason: string][] = [
    ["", 0, "no JSON value"],
    [" \n", 2, "no JSON value"],
    ["{", 1, "unexpected end, expected a name in quotes"],
    ["{} {}", 3, "unexpected '{', expected the end of the body"],
    ["{}x", 2, "unexpected 'x', expected the end of the body"],
    ["[]", 0, "not an object"],
    [span('"name":5'), 51, "resourceSpans.scopeSpans.spans.name: not a string"],
    [Uint8Array.of(8, 1), 0, "resourceSpans: wire type 0 is wrong"],
    [Uint8Array.of(0), 0, "field number 0"],
  ];
  for (const [body, offset, reason] of cases) {
    const framing = frame("traces", body);
    if (framing.ok) throw new Error(`${body} is a request`);
    assertEquals([framing.code, framing.offset, framing.reason], ["invalid_record", offset, reason]);
  }
  const bad = encoder.encode(span('"name":"?"'));
  bad[bad.indexOf(0x3f)] = 0xff;
  const framer = otlpFramer({ signal: "traces", encoding: "json", onOversight: () => {} });
  const framing = framer(bad, { record: 1 });
  assertEquals(framing.ok ? "" : framing.reason, "byte 0xFF does not begin a UTF-8 sequence");
});

/** Without what Protobuf does not tell from a field that is not there. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key, inner]) => !(key === "key" && inner === "")).map((
      [key, inner],
    ) => [key, withoutDefaults(inner)]),
  );
}

Deno.test("otlpConversion() converts Protobuf to OTLP/JSON: ids in hex, 64 bits as strings, enums as integers", () => {
  for (const signal of SIGNALS) {
    const { request, weight } = FULL[signal];
    const framing = frame(signal, encodeRequest(signal, request), { toJson: true });
    if (!framing.ok) throw new Error(framing.reason);
    const { format, data, weightEnds } = framing.batch;
    const text = decoder.decode(data);
    assertEquals([format, text.indexOf("\n"), [...weightEnds!]], ["json", text.length - 1, [weight]]);
    assertEquals(withoutDefaults(JSON.parse(text)), withoutDefaults(toJson(request)));
    assertWeight(signal, text, weight);
  }
});
