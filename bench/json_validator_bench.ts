/**
 * How fast are framing and the validator over 200-byte records, and what would `JSON.parse` per line cost? And how
 * much faster than the validator does the scanner find the same records, in several kinds of bodies?
 *
 * Rounds alternate, so that all suffer alike from what else the machine does; medians are printed.
 *
 * Run: `deno run bench/json_validator_bench.ts`
 */
// deno-lint-ignore-file no-console -- printing is what a bench is for
import { frameJson, frameNdjson, frameText, type Framing } from "../collector/framing.ts";
import { LineScanner } from "../collector/json_lines/line_scanner.ts";
import { JsonValidator } from "../collector/json_validator.ts";
import { RecordSpans } from "../collector/record_spans.ts";
import { recordLine } from "./cases/record.ts";

const ROUNDS = 15;
const WARM_UP_ROUNDS = 4;
const MILLISECONDS_PER_ROUND = 40;
const RECORDS_PER_BODY = 100;

const OPTIONS = { record: 1_048_576 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const lines = Array.from({ length: RECORDS_PER_BODY }, (_, index) => recordLine(index).trimEnd());
const body = encoder.encode(lines.join("\n") + "\n");
const single = encoder.encode(recordLine(0));
const array = encoder.encode(`[${lines.join(",")}]`);
const text = encoder.encode(
  lines.map((line) => `Nov 23 18:00:00 web01 app[123]: ${line.replaceAll('"', "'")}\r\n`).join(""),
);
const validator = new JsonValidator();

function validateLines(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) {
    at = validator.validate(bytes, at, bytes.length, true);
    if (at < 0) throw new Error(`Not valid: ${validator.reason}`);
  }
}

function check(framing: Framing): void {
  if (!framing.ok) throw new Error(`Not valid: ${framing.reason}`);
}

const scanner = new LineScanner();
const spans = new RecordSpans();

function findByValidator(bytes: Uint8Array): void {
  spans.clear();
  for (let at = 0; at < bytes.length; at++) {
    const stop = validator.validate(bytes, at, bytes.length, true);
    if (stop < 0) throw new Error(`Not valid: ${validator.reason}`);
    spans.add(at, stop);
    at = stop;
  }
}

function findByScanner(bytes: Uint8Array): void {
  spans.clear();
  const stop = scanner.scan(bytes, 0, OPTIONS, spans);
  if (stop !== bytes.length) throw new Error(`Not scanned from byte ${stop} on`);
}

/** 100 records of one kind. */
function bodyOf(line: (index: number) => string): Uint8Array {
  return encoder.encode(Array.from({ length: RECORDS_PER_BODY }, (_, index) => `${line(index)}\n`).join(""));
}

interface Contestant {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly run: () => void;
}

/** Nanoseconds that each one takes for its body. */
function measure(contestants: readonly Contestant[]): number[] {
  const results = contestants.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { run }] of contestants.entries()) {
      let runs = 0;
      const start = performance.now();
      let elapsed = 0;
      while (elapsed < MILLISECONDS_PER_ROUND) {
        for (let i = 0; i < 50; i++) run();
        runs += 50;
        elapsed = performance.now() - start;
      }
      if (round >= WARM_UP_ROUNDS) results[index]!.push(elapsed * 1e6 / runs);
    }
  }
  return results.map((times) => times.sort((a, b) => a - b)[times.length >> 1]!);
}

function printRow(name: string, ...columns: (string | number)[]): void {
  const cells = columns.map((column) => typeof column === "number" ? column.toFixed(0) : column);
  console.log(name.padEnd(32), ...cells.map((cell) => cell.padStart(10)));
}

const contestants: Contestant[] = [
  { name: "validator, 100 records", bytes: body, run: () => validateLines(body) },
  { name: "frameNdjson, 100 records", bytes: body, run: () => check(frameNdjson(body, OPTIONS)) },
  { name: "validator, 1 record", bytes: single, run: () => validateLines(single) },
  { name: "frameNdjson, 1 record", bytes: single, run: () => check(frameNdjson(single, OPTIONS)) },
  // Framing moves the elements in place: each run needs a fresh body, and the copy is in the figure.
  { name: "frameJson, array of 100", bytes: array, run: () => check(frameJson(array.slice(), OPTIONS)) },
  { name: "frameText, 100 lines", bytes: text, run: () => check(frameText(text, OPTIONS)) },
  {
    name: "JSON.parse per line",
    bytes: body,
    run: () => decoder.decode(body).trimEnd().split("\n").forEach((line) => JSON.parse(line)),
  },
];

printRow("bench", "MB/s", "ns/body", "ns/record");
for (const [index, nanoseconds] of measure(contestants).entries()) {
  const { name, bytes } = contestants[index]!;
  const records = bytes === single ? 1 : RECORDS_PER_BODY;
  printRow(name, bytes.length * 1e3 / nanoseconds, nanoseconds, nanoseconds / records);
}

const bodies: Record<string, Uint8Array> = {
  "100 records": body,
  "1 record": single,
  "100 with spaces": bodyOf((index) =>
    recordLine(index).trim().replaceAll('":', '": ').replaceAll(',"', ', "')
  ),
  "100 of numbers": bodyOf((index) =>
    JSON.stringify({
      t: 1_795_000_000_000 + index,
      values: [index, -index / 7, index * 1e-9, 123.5, 0, index * 1e6],
    })
  ),
  "100 of non-ASCII": bodyOf((index) =>
    JSON.stringify({ n: index, place: "Köln", text: "Größe geändert – 日本語のテキスト и кириллица" })
  ),
  "100 of escapes": bodyOf((index) => JSON.stringify({ n: index, message: recordLine(index) })),
};
const pairs = Object.values(bodies).flatMap((bytes) => [
  { name: "validator", bytes, run: () => findByValidator(bytes) },
  { name: "scanner", bytes, run: () => findByScanner(bytes) },
]);

console.log();
printRow("records found by", "bytes", "validator", "scanner", "ratio");
const times = measure(pairs);
for (const [index, [name, bytes]] of Object.entries(bodies).entries()) {
  const byValidator = times[2 * index]!, byScanner = times[2 * index + 1]!;
  printRow(
    name,
    bytes.length,
    `${byValidator.toFixed(0)} ns`,
    `${byScanner.toFixed(0)} ns`,
    (byValidator / byScanner).toFixed(2),
  );
}
