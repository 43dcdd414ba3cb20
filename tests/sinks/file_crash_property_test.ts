// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { setImmediate } from "node:timers";
import type { RecordFormat } from "../../collector/batch.ts";
import { FileSink } from "../../sinks/file.ts";
import type { SyncMode } from "../../sinks/file_options.ts";
import { SinkError } from "../../sinks/sink.ts";
import { batchOf } from "./batches.ts";
import { type Fault, FaultyFileSystem, type Operation, osError } from "./faulty_file_system.ts";
import { Medium, MortalFileSystem } from "./mortal_file_system.ts";

const signal = new AbortController().signal;
const FORMATS = ["json", "binary"] as const satisfies readonly RecordFormat[];
const EXTENSION = { json: ".ndjson", binary: ".frames" };
const ERRNOS = ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE"];

type Format = typeof FORMATS[number];

/** A record that says which it is. */
function record(format: Format, id: number, size: number): Uint8Array {
  if (format === "json") return new TextEncoder().encode(`{"id":${id},"pad":"${"x".repeat(size)}"}\n`);
  const frame = new Uint8Array(4 + size).fill(0xff);
  new DataView(frame.buffer).setUint32(0, id);
  return frame;
}

interface Parsed {
  readonly records: { readonly id: number; readonly end: number }[];
  /** Bytes behind the last whole record. */
  readonly rest: number;
}

/** Reads whole records; throws at anything else that is not a torn last one. */
function parse(format: Format, bytes: Uint8Array): Parsed {
  const records: { id: number; end: number }[] = [];
  let at = 0;
  if (format === "json") {
    for (let end; (end = bytes.indexOf(10, at) + 1) > 0; at = end) {
      records.push({ id: JSON.parse(new TextDecoder().decode(bytes.subarray(at, end))).id, end });
    }
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let end; at + 8 <= bytes.length && (end = at + 4 + view.getUint32(at)) <= bytes.length; at = end) {
      records.push({ id: view.getUint32(at + 4), end });
    }
  }
  return { records, rest: bytes.length - at };
}

const place = { source: fc.nat(1), format: fc.constantFrom(...FORMATS) };
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("write" as const),
      ...place,
      sizes: fc.array(fc.nat(60), { minLength: 1, maxLength: 6, size: "max" }),
      synced: fc.boolean(),
      attempts: fc.constantFrom(1, 3, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("age" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("interfere" as const),
      ...place,
      how: fc.constantFrom("remove", "truncate", "extend", "replace", "move", "remove directory"),
      where: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      how: fc.constantFrom("close", "kill", "power"),
      luck: fc.constantFrom(0, 0.5, 1),
    }),
  },
);
const scenario = fc.record({
  maxBytes: fc.integer({ min: 1, max: 400 }),
  maxOpenFiles: fc.integer({ min: 1, max: 4 }),
  sync: fc.constantFrom<SyncMode>("none", "batch"),
  /** For how many turns of the event loop each sync and rename stands still, while others go on. */
  slowness: fc.constantFrom(0, 0, 20),
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: "max" }),
  faults: fc.array(
    fc.option(
      fc.record({
        fault: fc.constantFrom<Fault>("fail", "torn", "short"),
        errno: fc.constantFrom(...ERRNOS),
      }),
      { freq: 3, nil: undefined },
    ),
    { maxLength: 200, size: "max" },
  ),
});

/** What was told to whoever wrote, and what others did to it. */
class Truth {
  /** Records that have to be there. */
  readonly required = new Set<number>();
  /** Of those, the ones that were only acknowledged as written. */
  readonly onlyWritten = new Set<number>();
  /** Records that may be there without an acknowledgement. */
  readonly possible = new Set<number>();
  /** Records that may be there more than once, as a sync failed and a retry was told. */
  readonly doubled = new Set<number>();

  /** Somebody destroyed records. */
  destroy(ids: Iterable<number>): void {
    for (const id of ids) {
      if (this.required.delete(id)) this.possible.add(id);
    }
  }
}

class Run {
  readonly truth = new Truth();
  readonly medium = new Medium();
  readonly faulty = new FaultyFileSystem();
  readonly directory: string;
  readonly #scenario: typeof scenario extends fc.Arbitrary<infer T> ? T : never;
  /** Files that somebody has truncated or extended, and that the sink has not looked at since. */
  readonly #unseen = new Set<string>();
  /** Files of which a sync has failed, which was told: a loss of power may tear them although they are finished. */
  readonly #unsynced = new Set<string>();
  #mortal: MortalFileSystem;
  #sink: FileSink;
  #next = 0;
  #id = 0;
  #monotonic = 0;
  healed = false;
  faults = 0;
  moved = 0;
  /** The most segments of one series that a kill has left open. */
  mostLeftOpen = 0;

  constructor(directory: string, given: typeof scenario extends fc.Arbitrary<infer T> ? T : never) {
    this.directory = directory;
    this.#scenario = given;
    this.faulty.faultOf = (operation, path) => this.#faultOf(operation, path);
    this.faulty.gate = async (operation) => {
      if (operation !== "syncData" && operation !== "rename") return;
      for (let turn = 0; turn < given.slowness; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    [this.#mortal, this.#sink] = this.#start();
  }

  #start(): [MortalFileSystem, FileSink] {
    const { maxBytes, maxOpenFiles, sync } = this.#scenario;
    const mortal = new MortalFileSystem(this.faulty, this.medium);
    const sink = new FileSink({
      directory: this.directory,
      maxBytes,
      maxOpenFiles,
      sync,
      maxAge: 1_000_000,
      fileSystem: mortal,
      now: () => Date.UTC(2026, 10, 23, 18),
      monotonicNow: () => this.#monotonic,
    });
    return [mortal, sink];
  }

  #faultOf(operation: Operation, path: string): Fault | undefined {
    const unseen = this.#unseen.has(path);
    if (operation === "fstat") {
      this.#unseen.delete(path);
      return undefined; // a file that was interfered with and cannot be looked at is beyond help
    }
    if (this.healed) return undefined;
    const next = this.#scenario.faults[this.#next++];
    if (next === undefined) return undefined;
    this.faults++;
    if (operation === "syncData" && next.fault !== "short") this.#unsynced.add(path);
    this.faulty.error = () => osError(next.errno);
    // A kernel that has written some says how much, and so where the file ended before.
    return unseen && next.fault === "torn" ? "fail" : next.fault;
  }

  async write({ source, format, sizes, synced, attempts }: {
    source: number;
    format: Format;
    sizes: number[];
    synced: boolean;
    attempts: number;
  }): Promise<void> {
    const ids = sizes.map(() => this.#id++);
    const batch = batchOf(format, sizes.map((size, i) => record(format, ids[i]!, size)));
    const name = `s${source}`;
    for (let attempt = 0; attempt < attempts; attempt++) {
      let written = false;
      try {
        await this.#sink.write(batch, { source: name, signal });
        written = true;
        if (synced) await this.#sink.sync(name);
      } catch (error) {
        assert(error instanceof SinkError && error.retryable, String(error));
        for (const id of ids) {
          this.truth.possible.add(id);
          if (written) this.truth.doubled.add(id);
        }
        continue;
      }
      for (const id of ids) {
        this.truth.required.add(id);
        if (!synced && this.#scenario.sync !== "batch") this.truth.onlyWritten.add(id);
      }
      return;
    }
  }

  age(): void {
    this.#monotonic += 1_000_000;
  }

  async interfere({ source, format, how, where }: {
    source: number;
    format: Format;
    how: string;
    where: number;
  }): Promise<void> {
    const directory = `${this.directory}/s${source}`;
    if (how === "remove directory") {
      this.truth.destroy([...this.truth.required]);
      await Deno.remove(this.directory, { recursive: true }).catch(() => {});
      return;
    }
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name).catch(
      (): string[] => [],
    );
    const name = names.filter((name) => name.endsWith(`${EXTENSION[format]}.open`)).sort().at(-1);
    const path = `${directory}/${name}`;
    if (name === undefined || this.#unseen.has(path)) return;
    const bytes = await Deno.readFile(path);
    const { records } = parse(format, bytes);
    switch (how) {
      case "remove":
        await Deno.remove(path);
        this.truth.destroy(records.map(({ id }) => id));
        break;
      case "replace":
        await Deno.writeTextFile(`${directory}/theirs`, "theirs");
        await Deno.rename(`${directory}/theirs`, path);
        this.truth.destroy(records.map(({ id }) => id));
        break;
      case "move": // what is in it, and what comes to be, is there and nowhere else
        await Deno.rename(path, `${directory}/moved${this.moved++}${EXTENSION[format]}`);
        break;
      case "truncate": {
        const length = Math.floor(bytes.length * where);
        await Deno.truncate(path, length);
        this.truth.destroy(records.filter(({ end }) => end > length).map(({ id }) => id));
        if (length < bytes.length) this.#unseen.add(path);
        break;
      }
      case "extend":
        await Deno.writeTextFile(path, "theirs", { append: true });
        this.#unseen.add(path);
    }
  }

  /** Ends the process in one way or another, and starts the next. */
  async end(how: string, luck: number): Promise<void> {
    if (how === "close") {
      await this.#sink.close().catch((error) => assert(error instanceof SinkError, String(error)));
    } else {
      this.#mortal.die();
      await this.#sink.close().catch(() => {}); // only its timers
      await this.#countOpen();
      if (how === "power") {
        for (const id of this.truth.onlyWritten) {
          this.truth.required.delete(id);
          this.truth.possible.add(id);
        }
        await this.medium.losePower(this.directory, luck);
      }
    }
    this.#unseen.clear();
    [this.#mortal, this.#sink] = this.#start();
    await this.#sink.open();
  }

  async #countOpen(): Promise<void> {
    for (const source of [0, 1]) {
      const names = await Array.fromAsync(Deno.readDir(`${this.directory}/s${source}`), ({ name }) => name)
        .catch((): string[] => []);
      for (const format of FORMATS) {
        const { length } = names.filter((name) => name.endsWith(`${EXTENSION[format]}.open`));
        this.mostLeftOpen = Math.max(this.mostLeftOpen, length);
      }
    }
  }

  /** Everything works again, and the last process ends well. */
  async finish(): Promise<void> {
    this.healed = true;
    await this.end("close", 0);
    await this.#sink.close();
    assertEquals(this.faulty.opened.size, 0);
  }

  async check(): Promise<void> {
    for (const source of [0, 1]) {
      for (const format of FORMATS) await this.#checkFiles(`${this.directory}/s${source}`, format);
    }
    assertEquals(this.truth.required.size, 0, `missing: ${[...this.truth.required].slice(0, 5)}`);
  }

  async #checkFiles(directory: string, format: Format): Promise<void> {
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name).catch(
      (): string[] => [],
    );
    assertEquals(names.filter((name) => name.endsWith(".open")), []);
    const order: number[] = [];
    for (const name of names.filter((name) => name.endsWith(EXTENSION[format])).sort()) {
      const { records, rest } = parse(format, await Deno.readFile(`${directory}/${name}`));
      if (name.startsWith("moved")) { // in an order of its own, and with whatever was torn when it was moved
        for (const { id } of records) this.truth.required.delete(id);
        continue;
      }
      if (!this.#unsynced.has(`${directory}/${name}.open`)) {
        assertEquals([rest, records.length > 0], [0, true], name);
      }
      order.push(...records.map(({ id }) => id));
    }
    const { required, possible, doubled } = this.truth;
    const last = new Map(order.map((id, at) => [id, at]));
    let newest = -1;
    for (const [at, id] of order.entries()) {
      assert(required.has(id) || possible.has(id), `nobody wrote ${id}`);
      assert(last.get(id) === at || doubled.has(id), `${id} is there twice, and no retry was told`);
      // Of what was written again after a failed sync, and may be there in part, the acknowledged copy counts.
      if (doubled.has(id) && !(required.has(id) && last.get(id) === at)) continue;
      assert(id > newest, `${id} comes after ${newest}`);
      newest = id;
    }
    for (const id of order) required.delete(id);
  }
}

Deno.test("FileSink keeps what it has acknowledged, once, whole and in order, whatever fails, is killed or interferes", async () => {
  const root = await Deno.makeTempDir();
  const seen = { runs: 0, faults: 0, records: 0, severalLeftOpen: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const run = new Run(`${root}/${seen.runs++}`, given);
        for (const step of given.steps) {
          if (step.type === "write") await run.write(step);
          else if (step.type === "age") run.age();
          else if (step.type === "interfere") await run.interfere(step);
          else await run.end(step.how, step.luck);
        }
        await run.finish();
        seen.faults += run.faults;
        seen.records += run.truth.required.size;
        if (run.mostLeftOpen > 1) seen.severalLeftOpen++;
        await run.check();
        await Deno.remove(run.directory, { recursive: true }).catch(() => {});
      }),
      { numRuns: 150 },
    );
    assert(
      seen.faults > 1_000 && seen.records > 1_000 && seen.severalLeftOpen > 10,
      JSON.stringify(seen),
    );
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
