// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { MAX_MESSAGE_DEPTH } from "../../collector/otlp_schema.ts";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { FULL, toJson } from "./otlp_requests.ts";
import { assertWeight, json, log, point, span, weigh } from "./otlp_texts.ts";

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
  for (const name of ["resourceSpanz", "resourceSpan", "resourceSpanss"]) {
    assertWeight("traces", `{"${name}":[{"scopeSpans":[{"spans":[{}]}]}]}`, 0);
  }
  // Names that records never have at that place, though they have them elsewhere.
  assertWeight("traces", span('"resource_spans":7,"spans":[{}],"dataPoints":[]'), 1);
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
    [
      "traces",
      span(`"startTimeUnixNano":"${"0".repeat(400)}1"`),
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
