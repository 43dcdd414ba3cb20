/**
 * How fast are the validator and NDJSON framing over 200-byte records, and what would `JSON.parse` per line cost?
 *
 * Rounds alternate, so that all suffer alike from what else the machine does; medians are printed.
 *
 * Run: `deno run bench/json_validator_bench.ts`
 */
// deno-lint-ignore-file no-console -- printing is what a bench is for
import { frameJson, frameNdjson, frameText, type Framing } from "../collector/framing.ts";
import { JsonValidator } from "../collector/json_validator.ts";

const ROUNDS = 21;
const WARM_UP_ROUNDS = 4;
const MILLISECONDS_PER_ROUND = 60;
const RECORDS_PER_BODY = 100;

const OPTIONS = { record: 1_048_576 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function record(index: number): string {
  return JSON.stringify({
    ts: new Date(Date.UTC(2026, 10, 23, 18) + index * 1000).toISOString(),
    host: `web0${index % 9}`,
    name: "http_requests",
    value: 12345.678 + index,
    labels: {
      method: index % 3 === 0 ? "POST" : "GET",
      path: "/api/v1/items",
      status: "200",
      region: "eu-west-1",
    },
    seq: 1234567890 + index,
  });
}

const lines = Array.from({ length: RECORDS_PER_BODY }, (_, index) => record(index));
const body = encoder.encode(lines.join("\n") + "\n");
const single = encoder.encode(record(0) + "\n");
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

const contestants = [
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

console.log("bench".padEnd(28), "MB/s".padStart(8), "ns/body".padStart(10), "ns/record".padStart(10));
for (const [index, { name, bytes }] of contestants.entries()) {
  const nanoseconds = results[index]!.sort((a, b) => a - b)[results[index]!.length >> 1]!;
  const records = bytes === single ? 1 : RECORDS_PER_BODY;
  console.log(
    name.padEnd(28),
    (bytes.length * 1e3 / nanoseconds).toFixed(0).padStart(8),
    nanoseconds.toFixed(0).padStart(10),
    (nanoseconds / records).toFixed(0).padStart(10),
  );
}
