// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { FULL, toJson } from "./otlp_requests.ts";
import { assertWeight, json, span, weigh } from "./otlp_texts.ts";

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
