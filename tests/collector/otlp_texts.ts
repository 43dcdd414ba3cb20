// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { OtlpJson } from "../../collector/otlp_json.ts";
import { REQUESTS } from "../../collector/otlp_schema.ts";
import type { Signal } from "../../collector/otlp_signal.ts";

const encoder = new TextEncoder();
/** What weighs the texts, and tells what is wrong with them. */
export const json = new OtlpJson();

/** Weighs a request, which must be JSON. */
export function weigh(signal: Signal, text: string): number {
  JSON.parse(text);
  return json.weigh(encoder.encode(text), 0, REQUESTS[signal]);
}

/** Asserts that a request is valid and weighs so much. */
export function assertWeight(signal: Signal, text: string, weight: number): void {
  assertEquals(weigh(signal, text), weight, `${text}: ${json.path}: ${json.reason}`);
}

/** A request for traces with one span of these fields. */
export const span = (fields: string) => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${fields}}]}]}]}`;
/** A request for metrics with one point of a gauge, of these fields. */
export const point = (fields: string) =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{${fields}}]}}]}]}]}`;
/** A request for logs with one record of these fields. */
export const log = (fields: string) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{${fields}}]}]}]}`;
