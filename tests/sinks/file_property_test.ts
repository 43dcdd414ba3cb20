// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { RecordFormat } from "../../collector/batch.ts";
import { FileSink } from "../../sinks/file.ts";
import { SinkError } from "../../sinks/sink.ts";
import { batchOf } from "./batches.ts";
import { type Fault, FaultyFileSystem } from "./faulty_file_system.ts";

const signal = new AbortController().signal;

/** A record that says what it is; a torn or doubled one would show. */
function record(format: RecordFormat, id: number, size: number): Uint8Array {
  if (format === "json") return new TextEncoder().encode(`{"id":${id},"pad":"${"x".repeat(size)}"}\n`);
  const frame = new Uint8Array(size).fill(id);
  if (size >= 4) new DataView(frame.buffer).setUint32(0, id);
  return frame;
}

function encoded(format: RecordFormat, payload: Uint8Array): Uint8Array {
  if (format === "json") return payload;
  const bytes = new Uint8Array(4 + payload.length);
  new DataView(bytes.buffer).setUint32(0, payload.length);
  bytes.set(payload, 4);
  return bytes;
}

function concat(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}

/** The files of a source and format in the order of their names. */
async function filesOf(directory: string, source: string, format: RecordFormat): Promise<Uint8Array[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${directory}/${source}`)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const extension = format === "json" ? ".ndjson" : ".frames";
  const paths = names.filter((name) => name.endsWith(extension)).sort();
  return await Promise.all(paths.map((name) => Deno.readFile(`${directory}/${source}/${name}`)));
}

const write = fc.record({
  type: fc.constant("write" as const),
  format: fc.constantFrom<RecordFormat>("json", "binary"),
  sizes: fc.array(fc.nat(60), { minLength: 1, maxLength: 8, size: "max" }),
  /** After so many attempts the caller gives up, and goes on with the next batch. */
  attempts: fc.constantFrom(1, 3, 1_000),
});
const sync = fc.record({ type: fc.constant("sync" as const) });
const tick = fc.record({
  type: fc.constant("tick" as const),
  wall: fc.integer({ min: -5_000, max: 5_000 }),
  monotonic: fc.nat(60),
});
const scenario = fc.record({
  maxBytes: fc.integer({ min: 1, max: 400 }),
  maxOpenFiles: fc.integer({ min: 1, max: 4 }),
  sources: fc.array(
    fc.array(fc.oneof({ weight: 6, arbitrary: write }, sync, tick), {
      minLength: 1,
      maxLength: 8,
      size: "max",
    }),
    { minLength: 1, maxLength: 3 },
  ),
  // One per operation, whatever that is; when they are used up, everything works.
  faults: fc.array(
    fc.oneof(
      { weight: 2, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom<Fault>("fail", "torn", "short") },
    ),
    { maxLength: 150, size: "max" },
  ),
});

Deno.test("FileSink.write() delivers each record once, whole and in order, whatever fails", async () => {
  const root = await Deno.makeTempDir();
  let run = 0;
  let faulty = 0;
  try {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ maxBytes, maxOpenFiles, sources, faults }) => {
        const directory = `${root}/${run++}`;
        const fileSystem = new FaultyFileSystem();
        let next = 0;
        let healed = false;
        fileSystem.faultOf = () => {
          const fault = next < faults.length && !healed ? faults[next++] : undefined;
          if (fault !== undefined) faulty++;
          return fault;
        };
        let wall = Date.UTC(2026, 10, 23, 18);
        let monotonic = 0;
        const sink = new FileSink({
          directory,
          maxBytes,
          maxAge: 100,
          maxOpenFiles,
          fileSystem,
          now: () => wall,
          monotonicNow: () => monotonic,
        });
        const delivered = new Map<string, Uint8Array[]>();
        let id = 0;

        await Promise.all(sources.map(async (actions, index) => {
          const source = `source${index}`;
          for (const action of actions) {
            if (action.type === "tick") {
              wall += action.wall;
              monotonic += action.monotonic;
            } else if (action.type === "sync") {
              await sink.sync(source).catch((error) =>
                assert(error instanceof SinkError && error.kind === "EIO", error)
              );
            } else {
              const { format, sizes, attempts } = action;
              const records = sizes.map((size) => record(format, id++, size));
              const batch = batchOf(format, records);
              for (let attempt = 0; attempt < attempts; attempt++) {
                try {
                  await sink.write(batch, { source, signal });
                } catch (error) {
                  assert(
                    error instanceof SinkError && error.retryable && error.kind === "EIO",
                    String(error),
                  );
                  continue;
                }
                const key = `${format} ${source}`;
                const expected = delivered.get(key) ?? [];
                expected.push(...records.map((payload) => encoded(format, payload)));
                delivered.set(key, expected);
                break;
              }
            }
          }
        }));
        healed = true;
        // A file that could not be synced when it was closed may be told of here.
        await sink.close().catch((error) =>
          assert(error instanceof SinkError && error.kind === "EIO", error)
        );

        for (let index = 0; index < sources.length; index++) {
          for (const format of ["json", "binary"] as const) {
            const source = `source${index}`;
            const files = await filesOf(directory, source, format);
            const expected = delivered.get(`${format} ${source}`) ?? [];
            assertEquals(concat(files), concat(expected));
            const ends = new Set<number>();
            expected.reduce((end, bytes) => ends.add(end + bytes.length) && end + bytes.length, 0);
            let end = 0;
            for (const file of files) {
              end += file.length;
              if (file.length > 0) assert(ends.has(end), "a file ends in the middle of a record");
              const single = expected.some((bytes) => bytes.length === file.length);
              assert(file.length <= maxBytes || single, `a file of ${file.length} bytes`);
            }
          }
        }
        assertEquals(fileSystem.opened.size, 0);
        await Deno.remove(directory, { recursive: true }).catch(() => {});
      }),
      { numRuns: 400 },
    );
    assert(faulty > 1_000, `only ${faulty} faults in ${run} runs`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
