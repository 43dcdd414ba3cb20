// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { OtlpJson } from "../../collector/otlp_json.ts";
import { otlpConversion } from "../../collector/otlp_json_encoding.ts";
import { otlpFramer } from "../../collector/otlp_framing.ts";
import { MAX_MESSAGE_DEPTH, REQUESTS } from "../../collector/otlp_schema.ts";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { encodeRequest } from "./otlp_decoder.ts";
import { FULL, toJson } from "./otlp_requests.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const json = new OtlpJson();

function weigh(signal: Signal, text: string): number {
  JSON.parse(text);
  return json.weigh(encoder.encode(text), 0, REQUESTS[signal]);
}

function assertWeight(signal: Signal, text: string, weight: number): void {
  assertEquals(weigh(signal, text), weight, `${text}: ${json.path}: ${json.reason}`);
}

/** A request for traces with one span of these fields. */
const span = (fields: string) => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${fields}}]}]}]}`;
const point = (fields: string) =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{${fields}}]}}]}]}]}`;
const log = (fields: string) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{${fields}}]}]}]}`;

Deno.test("OtlpJson.weigh() counts log records, data points and spans", () => {
  for (const signal of SIGNALS) {
    const { request, weight } = FULL[signal];
    assertWeight(signal, JSON.stringify(toJson(request)), weight);
    assertWeight(signal, JSON.stringify(toJson(request), null, "\t"), weight);
    assertWeight(signal, "{}", 0);
    assertWeight(signal, `{"${Object.keys(request)[0]}":[ ]}`, 0);
    assertWeight(signal, `{"${Object.keys(request)[0]}": null }`, 0);
  }
});

Deno.test("OtlpJson.weigh() passes over fields of other names, whatever they hold", () => {
  const unknown = '{"a":[1,{"b":"}]\\"\\\\"},null],"c":-1.5e3,"d":true}';
  assertWeight("traces", `{"x":${unknown},"resourceSpans":[{"x":${unknown}}],"y":0}`, 0);
  assertWeight("traces", span(`"x":${unknown},"name":"n","start_time_unix_nano":"no","z":"\\u0022"`), 1);
  assertWeight("traces", '{"records":[{"name":"n"}],"events":7}', 0);
  // Names that records never have at that place, though they have them elsewhere.
  assertWeight("traces", span('"resource_spans":7,"spans":[{}],"dataPoints":[]'), 1);
});

Deno.test("OtlpJson.weigh() refuses a request that carries nothing but has records under a wrong name, and says the right one", () => {
  const camel = "names are in lowerCamelCase in OTLP/JSON";
  const cases: [Signal, text: string, path: string, offset: number, reason: string][] = [
    [
      "logs",
      '{"resourceMetrics":[{}]}',
      "resourceMetrics",
      1,
      "'resourceMetrics' is what /v1/metrics takes, here it must be 'resourceLogs'",
    ],
    [
      "logs",
      '{"x":1, "resource_spans":[]}',
      "resource_spans",
      8,
      "'resource_spans' is what /v1/traces takes, here it must be 'resourceLogs'",
    ],
    [
      "metrics",
      '{"resourceLogs":null}',
      "resourceLogs",
      1,
      "'resourceLogs' is what /v1/logs takes, here it must be 'resourceMetrics'",
    ],
    [
      "traces",
      '{"resource_spans":[{}]}',
      "resource_spans",
      1,
      `'resource_spans' must be 'resourceSpans': ${camel}`,
    ],
    [
      "traces",
      '{"ResourceSpans":7}',
      "ResourceSpans",
      1,
      `'ResourceSpans' must be 'resourceSpans': ${camel}`,
    ],
    [
      "traces",
      '{"resource\\u005fspans":[]}',
      "resource_spans",
      1,
      `'resource_spans' must be 'resourceSpans': ${camel}`,
    ],
    [
      "traces",
      '{"resourceSpans":[{"scope_spans":[{}]}]}',
      "resourceSpans.scope_spans",
      19,
      `'scope_spans' must be 'scopeSpans': ${camel}`,
    ],
    [
      "logs",
      '{"resourceLogs":[{"scopeLogs":[{"log_records":[{}]}]}]}',
      "resourceLogs.scopeLogs.log_records",
      32,
      `'log_records' must be 'logRecords': ${camel}`,
    ],
    [
      "metrics",
      '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"data_points":[{}]}}]}]}]}',
      "resourceMetrics.scopeMetrics.metrics.gauge.data_points",
      59,
      `'data_points' must be 'dataPoints': ${camel}`,
    ],
    [
      "traces",
      '{"resourceSpans":[{"instrumentationLibrarySpans":[{}]}]}',
      "resourceSpans.instrumentationLibrarySpans",
      19,
      "'instrumentationLibrarySpans' is no field here, and without 'scopeSpans' there are no records",
    ],
    [
      "logs",
      '{"resourceProfiles":[]}',
      "resourceProfiles",
      1,
      "'resourceProfiles' is no field here, and without 'resourceLogs' there are no records",
    ],
  ];
  for (const [signal, text, path, offset, reason] of cases) {
    assertEquals(weigh(signal, text), -1, text);
    assertEquals([json.path, json.offset, json.reason], [path, offset, reason]);
  }
  for (const signal of SIGNALS) {
    // Each signal's own request, in each of the others' place, and in snake_case.
    for (const other of SIGNALS) {
      const text = JSON.stringify(toJson(FULL[other].request));
      const snake = text.replace(/[a-z][A-Z]/g, ([small, capital]) => `${small}_${capital!.toLowerCase()}`);
      assertEquals(weigh(signal, text), other === signal ? FULL[signal].weight : -1, `${other} as ${signal}`);
      assertEquals(weigh(signal, snake), -1, `${other} in snake_case as ${signal}`);
    }
  }
});

Deno.test("OtlpJson.weigh() ignores records under a wrong name beside others, and tells of it", () => {
  assertWeight("traces", `{"resource_spans":[{}],${span("").slice(1)}`, 1);
  assertEquals(json.misnamed, true);
  assertWeight("traces", '{"resourceSpans":[{"scope_spans":[]},{"scopeSpans":[{"spans":[{},{}]}]}]}', 2);
  assertEquals(json.misnamed, true);
  assertWeight("traces", span('"start_time_unix_nano":1'), 1);
  assertEquals(json.misnamed, false);
});

Deno.test("OtlpJson.weigh() refuses half a surrogate pair, wherever it stands", () => {
  const name = "resourceSpans.scopeSpans.spans.name";
  for (
    const pair of ["\\ud83d\\ude80", "\\uD83D\\uDE80", "\\ud7ff\\ue000", "\\u00d8\\udbff\\udfff", "\\\\ud800"]
  ) {
    assertWeight("traces", span(`"name":"a${pair}b","x":"${pair}"`), 1);
  }
  const halves = [
    "\\ud800",
    "\\uDFFF",
    "\\ud83dx\\ude80",
    "\\ud83d\\ud83d\\ude80",
    "\\ude80\\ud83d",
    "\\ud83d\\u0041",
    "\\uDBFF\\n",
  ];
  for (const half of halves) {
    const cases: [text: string, path: string][] = [
      [span(`"name":"a${half}"`), name],
      [span(`"attributes":[{"key":"${half}"}]`), "resourceSpans.scopeSpans.spans.attributes.key"],
      [span(`"traceId":"${half}"`), "resourceSpans.scopeSpans.spans.traceId"],
      [span(`"flags":"${half}"`), "resourceSpans.scopeSpans.spans.flags"],
      [span(`"x":[{"y":"${half}"}]`), "resourceSpans.scopeSpans.spans"],
      [span(`"x${half}":1`), "resourceSpans.scopeSpans.spans"],
    ];
    for (const [text, path] of cases) {
      assertEquals([weigh("traces", text), json.path], [-1, path], text);
      assertEquals(json.reason, "half a surrogate pair, which is no character");
    }
  }
  const third = span('"name":"\\ud83d\\ude80\\udc00"');
  assertEquals([weigh("traces", third), json.offset], [-1, third.indexOf("\\udc00")]);
});

/** A log record whose body is so many lists in each other. */
const nested = (lists: number) =>
  log(`"body":${'{"arrayValue":{"values":['.repeat(lists)}{"stringValue":"x"}${"]}}".repeat(lists)}`);

Deno.test("OtlpJson.weigh() limits how deep messages are nested, as in Protobuf, and what it does not know", () => {
  // The request, its resource, scope, record and the innermost value are 5; each list and its values 2.
  const most = (MAX_MESSAGE_DEPTH - 5) >> 1;
  assertWeight("logs", nested(most), 1);
  assertEquals([weigh("logs", nested(most + 1)), json.reason], [
    -1,
    `nested deeper than ${MAX_MESSAGE_DEPTH}`,
  ]);
  const unknown = (levels: number) => `{"x":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  assertWeight("logs", unknown(MAX_MESSAGE_DEPTH - 1), 0);
  assertEquals([weigh("logs", unknown(MAX_MESSAGE_DEPTH)), json.reason, json.offset], [
    -1,
    `nested deeper than ${MAX_MESSAGE_DEPTH}`,
    5 + MAX_MESSAGE_DEPTH - 1,
  ]);
  assertEquals(weigh("traces", span(`"startTimeUnixNano":${"[".repeat(200)}${"]".repeat(200)}`)), -1);
});

Deno.test("OtlpJson.weigh() counts null as the one time that a field may be there", () => {
  assertWeight("traces", span('"name":null,"status":null'), 1);
  assertWeight("logs", log('"body":{"stringValue":null,"intValue":5}'), 1); // null chooses nothing
  for (
    const fields of [
      '"name":null,"name":"a"',
      '"name":"a","name":null',
      '"name":null,"name":null',
      '"events":null,"events":[]',
    ]
  ) {
    assertEquals([weigh("traces", span(fields)), json.reason], [-1, "there twice"], fields);
  }
  assertEquals(weigh("traces", '{"resourceSpans":null,"resourceSpans":[]}'), -1);
  assertEquals(weigh("logs", log('"body":{"stringValue":null,"stringValue":"a"}')), -1);
});

Deno.test("OtlpJson.weigh() reads names with escapes", () => {
  assertWeight("traces", '{"resource\\u0053pans":[{"scopeSpans":[{"spans":[{},{}]}]}]}', 2);
});

Deno.test("OtlpJson.weigh() takes what Protobuf's JSON mapping takes", () => {
  const traces = [
    '"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":""',
    '"startTimeUnixNano":1544712660000000000,"endTimeUnixNano":"18446744073709551615"',
    '"startTimeUnixNano":18446744073709551615,"endTimeUnixNano":1e3,"flags":4294967295',
    '"kind":2,"status":{"code":2},"droppedEventsCount":"7","flags":"1"',
    '"kind":99,"status":null,"events":null,"name":null,"traceId":null',
    '"attributes":[{"key":"a","value":{"intValue":"-9223372036854775808"}},{"value":{"intValue":5}}]',
    '"attributes":[{"key":"a","value":{"doubleValue":"NaN"}},{"value":{"doubleValue":"-1.5e3"}}]',
    '"attributes":[{"key":"a","value":{"bytesValue":"AP8B"}},{"value":{"bytesValue":"-_8="}},{"value":{}}]',
    '"traceId":"\\u0035B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b17\\u0034"',
    '"attributes":[{"key":"a","value":{"bytesValue":"AP8"}},{"value":{"boolValue":false}}]',
    '"startTimeUnixNano":1.54471266e+18,"endTimeUnixNano":1.8446744073709551615E19,"flags":4.294967295e9',
    '"startTimeUnixNano":100e-2,"endTimeUnixNano":0.0e99999,"kind":20e-1,"droppedEventsCount":-0.0',
    '"attributes":[{"value":{"intValue":-9.223372036854775808e18}},{"value":{"intValue":9.223372036854775807e18}}]',
    '"attributes":[{"value":{"bytesValue":""}},{"value":{"bytesValue":"AA=="}},{"value":{"bytesValue":"+/+/"}}]',
  ];
  for (const fields of traces) assertWeight("traces", span(fields), 1);
  assertWeight("metrics", point('"asInt":-5'), 1);
  assertWeight("metrics", point('"asDouble":5'), 1);
  assertWeight("metrics", point('"asDouble":"Infinity","exemplars":[{"traceId":"","asInt":"9"}]'), 1);
});

Deno.test("OtlpJson.weigh() says what is wrong, and in which field", () => {
  const at = "resourceSpans.scopeSpans.spans";
  const cases: [Signal, text: string, path: string, reason: string][] = [
    ["traces", "[]", "", "not an object"],
    ["traces", '{"resourceSpans":{}}', "resourceSpans", "not an array"],
    ["traces", '{"resourceSpans":[1]}', "resourceSpans", "not an object"],
    ["traces", '{"resourceSpans":[null]}', "resourceSpans", "not an object"],
    ["traces", '{"resourceSpans":[],"resourceSpans":[]}', "resourceSpans", "there twice"],
    ["traces", span('"name":5'), `${at}.name`, "not a string"],
    ["traces", span('"traceId":"5B8EFFF798038103D269B633813FC60"'), `${at}.traceId`, "not 32 hexadecimal"],
    ["traces", span('"traceId":"W47/95gDgQPSabYzgT/GDA=="'), `${at}.traceId`, "not 32 hexadecimal"],
    ["traces", span('"spanId":"eee19b7ec3c1b17z"'), `${at}.spanId`, "not 16 hexadecimal"],
    ["traces", span('"spanId":"\\u0035"'), `${at}.spanId`, "not 16 hexadecimal"],
    ["traces", span('"spanId":"eee19b7ec3c1b17\\u007a"'), `${at}.spanId`, "not 16 hexadecimal"],
    ["traces", span('"spanId":5'), `${at}.spanId`, "not a string"],
    ["traces", span('"parentSpanId":"00"'), `${at}.parentSpanId`, "not 16 hexadecimal"],
    ["traces", span('"kind":"SPAN_KIND_SERVER"'), `${at}.kind`, "not an integer: enums have no names"],
    ["traces", span('"kind":"2"'), `${at}.kind`, "not an integer: enums have no names"],
    ["traces", span('"kind":2147483648'), `${at}.kind`, "not an integer of type enum"],
    ["traces", span('"startTimeUnixNano":-1'), `${at}.startTimeUnixNano`, "not an integer of type uint64"],
    [
      "traces",
      span('"startTimeUnixNano":"18446744073709551616"'),
      `${at}.startTimeUnixNano`,
      "not an integer",
    ],
    ["traces", span('"startTimeUnixNano":1.5'), `${at}.startTimeUnixNano`, "not an integer"],
    ["traces", span('"startTimeUnixNano":"1e3"'), `${at}.startTimeUnixNano`, "not an integer"],
    [
      "traces",
      span('"startTimeUnixNano":1.8446744073709551616e19'),
      `${at}.startTimeUnixNano`,
      "not an integer",
    ],
    ["traces", span('"startTimeUnixNano":1e20'), `${at}.startTimeUnixNano`, "not an integer"],
    ["traces", span('"startTimeUnixNano":1e999999999'), `${at}.startTimeUnixNano`, "not an integer"],
    [
      "traces",
      span('"startTimeUnixNano":1.54471266000000000005e18'),
      `${at}.startTimeUnixNano`,
      "not an int",
    ],
    ["traces", span('"startTimeUnixNano":1e-1'), `${at}.startTimeUnixNano`, "not an integer"],
    ["traces", span('"startTimeUnixNano":{}'), `${at}.startTimeUnixNano`, "not an integer"],
    ["traces", span('"startTimeUnixNano":true'), `${at}.startTimeUnixNano`, "not an integer"],
    ["traces", span('"flags":4294967296'), `${at}.flags`, "not an integer of type uint32"],
    ["traces", span('"droppedLinksCount":"-1"'), `${at}.droppedLinksCount`, "not an integer of type uint32"],
    ["traces", span('"events":[{"name":[]}]'), `${at}.events.name`, "not a string"],
    ["logs", log('"body":"text"'), "resourceLogs.scopeLogs.logRecords.body", "not an object"],
    [
      "logs",
      log('"body":{"boolValue":1}'),
      "resourceLogs.scopeLogs.logRecords.body.boolValue",
      "not true or false",
    ],
    [
      "logs",
      log('"body":{"stringValue":"a","intValue":1}'),
      "resourceLogs.scopeLogs.logRecords.body.intValue",
      "beside another field that excludes it",
    ],
    [
      "logs",
      log('"body":{"bytesValue":"a*"}'),
      "resourceLogs.scopeLogs.logRecords.body.bytesValue",
      "not base64",
    ],
    [
      "metrics",
      point('"asDouble":"five"'),
      "resourceMetrics.scopeMetrics.metrics.gauge.dataPoints.asDouble",
      "not a number",
    ],
    [
      "metrics",
      point('"asDouble":1e400'),
      "resourceMetrics.scopeMetrics.metrics.gauge.dataPoints.asDouble",
      "not a number",
    ],
    [
      "metrics",
      point('"asInt":9223372036854775808'),
      "resourceMetrics.scopeMetrics.metrics.gauge.dataPoints.asInt",
      "not an integer of type int64",
    ],
  ];
  for (
    const base64 of ["A", "AA=", "AAA==", "AAAA=", "AAAA==", "=", "A===", "AA==AA==", "+_+_", "-/8=", "AA AA"]
  ) {
    const path = "resourceLogs.scopeLogs.logRecords.body.bytesValue";
    cases.push(["logs", log(`"body":{"bytesValue":"${base64}"}`), path, "not base64"]);
  }
  for (const [signal, text, path, reason] of cases) {
    assertEquals(weigh(signal, text), -1, text);
    assertEquals([json.path, json.reason.slice(0, reason.length)], [path, reason], text);
  }
});

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
