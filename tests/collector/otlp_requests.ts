import type { Signal } from "../../collector/otlp_signal.ts";
import type { Request } from "./otlp_decoder.ts";

const attributes = [
  { key: "text", value: { stringValue: "grüße 🚀" } },
  { key: "flag", value: { boolValue: true } },
  { key: "int", value: { intValue: "-9223372036854775808" } },
  { key: "double", value: { doubleValue: -0.125 } },
  { key: "bytes", value: { bytesValue: [0, 255, 1] } },
  { key: "list", value: { arrayValue: { values: [{ stringValue: "a" }, { intValue: "2" }, {}] } } },
  { key: "map", value: { kvlistValue: { values: [{ key: "k", value: { stringValue: "" } }] } } },
  { key: "" },
];
const resource = { attributes, droppedAttributesCount: 4294967295 };
const scope = { name: "scope", version: "1.2.3", attributes, droppedAttributesCount: 1 };
const traceId = Array.from({ length: 16 }, (_, i) => 240 + i);
const spanId = [0, 1, 2, 3, 4, 5, 6, 255];
const time = "18446744073709551615";
const exemplars = [
  { timeUnixNano: time, asDouble: 1.5, spanId, traceId, filteredAttributes: attributes },
  { timeUnixNano: "1", asInt: "-1" },
];

/** A request of each signal that has every field set, and carries so many. */
export const FULL: Readonly<Record<Signal, { readonly request: Request; readonly weight: number }>> = {
  logs: {
    weight: 3,
    request: {
      resourceLogs: [{
        resource,
        schemaUrl: "https://example.com/1",
        scopeLogs: [{
          scope,
          schemaUrl: "s",
          logRecords: [
            {
              timeUnixNano: time,
              observedTimeUnixNano: "1544712660300000000",
              severityNumber: 17,
              severityText: "ERROR",
              body: { kvlistValue: { values: attributes } },
              attributes,
              droppedAttributesCount: 3,
              flags: 4294967295,
              traceId,
              spanId,
              eventName: "event",
            },
            { body: { stringValue: "two" } },
          ],
        }, { logRecords: [{}] }],
      }, {}],
    },
  },
  traces: {
    weight: 3,
    request: {
      resourceSpans: [{
        resource,
        schemaUrl: "https://example.com/1",
        scopeSpans: [{
          scope,
          schemaUrl: "s",
          spans: [
            {
              traceId,
              spanId,
              traceState: "a=b",
              parentSpanId: [9, 8, 7, 6, 5, 4, 3, 2],
              flags: 257,
              name: "GET /",
              kind: 2,
              startTimeUnixNano: "1544712660000000000",
              endTimeUnixNano: time,
              attributes,
              droppedAttributesCount: 1,
              events: [{ timeUnixNano: "5", name: "e", attributes, droppedAttributesCount: 2 }],
              droppedEventsCount: 3,
              links: [{
                traceId,
                spanId,
                traceState: "c=d",
                attributes,
                droppedAttributesCount: 4,
                flags: 1,
              }],
              droppedLinksCount: 5,
              status: { message: "no", code: 2 },
            },
            { name: "two" },
          ],
        }],
      }, { scopeSpans: [{ spans: [{ name: "three" }] }] }],
    },
  },
  metrics: {
    weight: 6,
    request: {
      resourceMetrics: [{
        resource,
        schemaUrl: "https://example.com/1",
        scopeMetrics: [{
          scope,
          schemaUrl: "s",
          metrics: [
            {
              name: "g",
              description: "d",
              unit: "By",
              metadata: attributes,
              gauge: {
                dataPoints: [
                  {
                    attributes,
                    startTimeUnixNano: "1",
                    timeUnixNano: time,
                    asDouble: 1e300,
                    exemplars,
                    flags: 1,
                  },
                  { asInt: "-9223372036854775808" },
                ],
              },
            },
            {
              name: "s",
              sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ asInt: "7" }] },
            },
            {
              name: "h",
              histogram: {
                aggregationTemporality: 1,
                dataPoints: [{
                  attributes,
                  startTimeUnixNano: "1",
                  timeUnixNano: "2",
                  count: time,
                  sum: 5.5,
                  bucketCounts: ["1", time, "0"],
                  explicitBounds: [0.5, 1],
                  exemplars,
                  flags: 1,
                  min: -1,
                  max: 9,
                }],
              },
            },
            {
              name: "e",
              exponentialHistogram: {
                aggregationTemporality: 2,
                dataPoints: [{
                  attributes,
                  startTimeUnixNano: "1",
                  timeUnixNano: "2",
                  count: "3",
                  sum: 1.25,
                  scale: -10,
                  zeroCount: "1",
                  positive: { offset: -5, bucketCounts: ["1", time] },
                  negative: { offset: 5, bucketCounts: ["0", "300"] },
                  flags: 1,
                  exemplars,
                  min: 1,
                  max: 2,
                  zeroThreshold: 0.001,
                }],
              },
            },
            {
              name: "q",
              summary: {
                dataPoints: [{
                  attributes,
                  startTimeUnixNano: "1",
                  timeUnixNano: "2",
                  count: "3",
                  sum: 4.5,
                  quantileValues: [{ quantile: 0.99, value: 12.5 }],
                  flags: 1,
                }],
              },
            },
            { name: "nothing", gauge: {} },
          ],
        }],
      }],
    },
  },
};

/** The same request as OTLP/JSON: bytes are base64, but ids are hexadecimal digits. */
export function toJson(request: Request): Request {
  return JSON.parse(JSON.stringify(request), (key, value) => {
    if (!Array.isArray(value)) return value;
    if (key === "traceId" || key === "spanId" || key === "parentSpanId") return new Uint8Array(value).toHex();
    return key === "bytesValue" ? new Uint8Array(value).toBase64() : value;
  });
}
