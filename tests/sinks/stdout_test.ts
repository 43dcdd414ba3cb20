// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import type { BufferedBatch } from "../../collector/batch.ts";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { SinkError } from "../../sinks/sink.ts";
import { StdoutSink, type Writer } from "../../sinks/stdout.ts";
import { batchOf, binaryBatch, jsonBatch } from "./batches.ts";
import { osError } from "./faulty_file_system.ts";

const signal = new AbortController().signal;
const TIME = Date.UTC(2026, 10, 23, 18, 0, 0, 123);

/** Takes what is written, at most so many bytes at a time; throws where it is told to. */
class MemoryWriter implements Writer {
  readonly #chunks: Uint8Array[] = [];
  /** How many bytes the next write takes, or what it throws. */
  next: () => number | Error = () => Infinity;
  /** Awaited before every write. */
  gate: () => Promise<void> = () => Promise.resolve();
  writes = 0;
  largest = 0;

  async write(data: Uint8Array): Promise<number> {
    this.writes++;
    this.largest = Math.max(this.largest, data.length);
    const next = this.next();
    if (next instanceof Error) throw next;
    const count = Math.min(next, data.length);
    this.#chunks.push(data.slice(0, count));
    await this.gate();
    return count;
  }

  get text(): string {
    const decoder = new TextDecoder();
    return this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
  }
}

Deno.test("StdoutSink.write() puts each record into an envelope with its bytes untouched", async () => {
  const writer = new MemoryWriter();
  const sink = new StdoutSink({ writer });
  await sink.write(jsonBatch(['{"a":1.0}', '"é"', "1e400"], TIME), { source: "metrics-web01", signal });
  const head = '{"source":"metrics-web01","received":"2026-11-23T18:00:00.123Z","record":';
  assertEquals(writer.text, `${head}{"a":1.0}}\n${head}"é"}\n${head}1e400}\n`);
  assertEquals(writer.writes, 1);
});

Deno.test("StdoutSink.write() tells when each record was received", async () => {
  const writer = new MemoryWriter();
  const batch = jsonBatch(["1", "2", "3", "4"]);
  batch.admittedAt.set([TIME, TIME, TIME + 1, 1e18]);
  await new StdoutSink({ writer }).write(batch, { source: "a", signal });
  const received = writer.text.trimEnd().split("\n").map((line) => JSON.parse(line).received);
  assertEquals(received, [
    "2026-11-23T18:00:00.123Z",
    "2026-11-23T18:00:00.123Z",
    "2026-11-23T18:00:00.124Z",
    "9999-12-31T23:59:59.999Z",
  ]);
});

Deno.test("StdoutSink.write() writes JSON as it came without an envelope", async () => {
  const writer = new MemoryWriter();
  const batch = jsonBatch(['{"a":1.0}', "2"]);
  await new StdoutSink({ envelope: false, writer }).write(batch, { source: "a", signal });
  assertEquals(writer.text, '{"a":1.0}\n2\n');
});

for (const envelope of [true, false]) {
  Deno.test(`StdoutSink.write() writes frames in base64 with envelope: ${envelope}`, async () => {
    const writer = new MemoryWriter();
    const sizes = [0, 1, 2, 3, 4, 196_527, 196_528, 196_605, 196_606, 196_607, 196_608, 196_609, 500_000, 1];
    const frames = sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => i * 31));
    await new StdoutSink({ envelope, writer }).write(binaryBatch(frames, TIME), { source: "cam", signal });
    const lines = writer.text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.length, sizes.length);
    lines.forEach((line, i) => assertEquals(Uint8Array.fromBase64(line.record), frames[i]));
    assertEquals(Object.keys(lines[0]), envelope ? ["source", "received", "record"] : ["record"]);
    assert(writer.largest <= 256 * 1024);
  });
}

Deno.test("StdoutSink.write() builds bounded pieces that end where a line does", async () => {
  const writer = new MemoryWriter();
  const lines = Array.from({ length: 3_000 }, (_, i) => JSON.stringify({ i, pad: "x".repeat(i % 400) }));
  lines[1_000] = JSON.stringify("y".repeat(900_000));
  const ends: boolean[] = [];
  const sink = new StdoutSink({
    writer: {
      write(data) {
        ends.push(data.at(-1) === 10);
        return writer.write(data);
      },
    },
  });
  await sink.write(jsonBatch(lines, TIME), { source: "a", signal });
  const records = writer.text.trimEnd().split("\n").map((line) => JSON.stringify(JSON.parse(line).record));
  assertEquals(records, lines);
  // Only the line that is larger than a piece comes in three: its head, the record uncopied, and its end with what follows.
  assertEquals(ends.filter((end) => !end).length, 2);
});

Deno.test("StdoutSink.write() does not mix lines of concurrent sources", async () => {
  const writer = new MemoryWriter();
  writer.next = () => 7;
  writer.gate = () => new Promise((resolve) => setTimeout(resolve, 0));
  const sink = new StdoutSink({ writer });
  await Promise.all(["a", "b", "c"].map((source) => {
    return sink.write(jsonBatch([`"${source}1"`, `"${source}2"`], TIME), { source, signal });
  }));
  const records = writer.text.trimEnd().split("\n").map((line) => JSON.parse(line).record);
  assertEquals(records, ["a1", "a2", "b1", "b2", "c1", "c2"]);
});

Deno.test("StdoutSink.write() finishes a torn line before another source's, and doubles nothing", async () => {
  const writer = new MemoryWriter();
  const sink = new StdoutSink({ writer, envelope: false });
  const steps = [7, osError("EPIPE"), 1, osError("EPIPE")];
  writer.next = () => steps.shift() ?? Infinity;
  const a = jsonBatch(["1111", "2222", "3333"]);
  const error = await assertRejects(() => sink.write(a, { source: "a", signal }), SinkError);
  assertEquals([error.kind, error.retryable], ["EPIPE", true]);
  assertEquals(writer.text, "1111\n22");
  const b = jsonBatch(["4444"]);
  await assertRejects(() => sink.write(b, { source: "b", signal }), SinkError);
  assertEquals(writer.text, "1111\n222");
  await sink.write(b, { source: "b", signal });
  assertEquals(writer.text, "1111\n2222\n4444\n");
  await sink.write(a, { source: "a", signal });
  assertEquals(writer.text, "1111\n2222\n4444\n3333\n");
  await sink.write(a, { source: "a", signal });
  assertEquals(writer.text, "1111\n2222\n4444\n3333\n1111\n2222\n3333\n");
});

Deno.test("StdoutSink.write() delivers each record once, whole and in order, whatever fails", async () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const step = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constant("throw" as const));
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.array(fc.array(bytes, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), { maxLength: 3 }),
      fc.array(step, { maxLength: 150, size: "max" }),
      async (envelope, sources, steps) => {
        const writer = new MemoryWriter();
        writer.next = () => {
          const step = steps.shift();
          return step === "throw" ? osError("EPIPE") : step ?? Infinity;
        };
        const sink = new StdoutSink({ envelope, writer });
        const expected: string[][] = [];
        await Promise.all(sources.map(async (batches, i) => {
          const source = `s${i}`;
          const records: string[] = expected[i] = [];
          for (const [n, payloads] of batches.entries()) {
            const binary = n % 2 === 1;
            const values = payloads.map((payload, k) => `${i}/${n}/${k}/${payload.toHex()}`);
            const lines = values.map((value) =>
              new TextEncoder().encode(binary ? value : `{"v":"${value}"}\n`)
            );
            records.push(...values);
            const batch: BufferedBatch = batchOf(binary ? "binary" : "json", lines, TIME);
            for (let written = false; !written;) {
              written = await sink.write(batch, { source, signal }).then(() => true, (error) => {
                assert(error instanceof SinkError && error.retryable);
                return false;
              });
            }
          }
        }));
        const seen: string[][] = sources.map(() => []);
        for (const line of writer.text.split("\n").slice(0, -1)) {
          const parsed = JSON.parse(line);
          const record = envelope || "record" in parsed ? parsed.record : parsed;
          const value: string = typeof record === "string" ? atob(record) : record.v;
          seen[Number(value.split("/")[0])]!.push(value);
        }
        assertEquals(seen, expected);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("StdoutSink.write() stops waiting for its turn when aborted, and those behind it go on", async () => {
  const writer = new MemoryWriter();
  const { promise, resolve } = Promise.withResolvers<void>();
  writer.gate = () => promise;
  const sink = new StdoutSink({ writer, envelope: false });
  const first = sink.write(jsonBatch(["1"]), { source: "a", signal });
  const controller = new AbortController();
  const second = sink.write(jsonBatch(["2"]), { source: "b", signal: controller.signal });
  const third = sink.write(jsonBatch(["3"]), { source: "c", signal });
  controller.abort();
  const error = await assertRejects(() => second, SinkError, "'b'");
  assertEquals([error.kind, error.retryable], ["aborted", false]);
  resolve();
  await Promise.all([first, third]);
  assertEquals(writer.text, "1\n3\n");
});

Deno.test("StdoutSink.write() fails when nothing is written", async () => {
  const writer = new MemoryWriter();
  writer.next = () => 0;
  const sink = new StdoutSink({ writer });
  const error = await assertRejects(
    () => sink.write(jsonBatch(["1"]), { source: "a", signal }),
    SinkError,
    "standard output",
  );
  assertEquals([error.kind, error.retryable], ["EIO", true]);
});

Deno.test("StdoutSink.close() refuses writes from then on", async () => {
  const sink = new StdoutSink({ writer: new MemoryWriter() });
  await sink.sync();
  await sink.close();
  const error = await assertRejects(() => sink.write(jsonBatch(["1"]), { source: "a", signal }), SinkError);
  assertEquals([error.kind, error.retryable], ["closed", false]);
});

Deno.test("StdoutSink.write() ends the line that was torn, though its batch was given up and its memory used again", async () => {
  for (const bytes of [100, 100_000]) { // copied to a chunk that is used again, and adopted and freed
    const writer = new MemoryWriter();
    const sink = new StdoutSink({ writer, envelope: false });
    const buffer = new BoundedBuffer({ records: 10, bytes: 1_000_000 });
    const line = (letter: string) => new TextEncoder().encode(`"${letter.repeat(bytes)}"\n`);
    const offer = (data: Uint8Array) =>
      buffer.append({ format: "json", data, ends: Uint32Array.of(data.length), owned: true });
    offer(line("a"));
    const steps = [10, osError("EPIPE")];
    writer.next = () => steps.shift() ?? Infinity;
    const all = { records: 10, bytes: 1_000_000 };
    await assertRejects(() => sink.write(buffer.take(all)!, { source: "first", signal }), SinkError);
    buffer.discard();
    offer(line("b"));
    await sink.write(buffer.take(all)!, { source: "second", signal });
    buffer.commit();
    assertEquals(writer.text, `"${"a".repeat(bytes)}"\n"${"b".repeat(bytes)}"\n`);
  }
});
