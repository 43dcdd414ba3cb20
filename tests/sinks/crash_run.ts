// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { FileSink } from "../../sinks/file.ts";
import { SinkError } from "../../sinks/sink.ts";
import { batchOf } from "./batches.ts";
import type { Scenario } from "./crash_scenario.ts";
import { CrashTruth } from "./crash_truth.ts";
import { type Fault, FaultyFileSystem, type Operation, osError } from "./faulty_file_system.ts";
import { EXTENSION, type Format, FORMATS, identifiedRecord, parseIdentified } from "./identified_records.ts";
import { Medium, MortalFileSystem } from "./mortal_file_system.ts";

const signal = new AbortController().signal;

/** What somebody else does to the newest open file of a series. */
interface Interference {
  readonly source: number;
  readonly format: Format;
  readonly how: string;
  readonly where: number;
}

/** A file sink to which a scenario happens. */
export class CrashRun {
  readonly truth = new CrashTruth();
  readonly medium = new Medium();
  readonly faulty = new FaultyFileSystem();
  readonly directory: string;
  readonly #scenario: Scenario;
  /** Files that somebody has truncated or extended, and that the sink has not looked at since. */
  readonly #unseen = new Set<string>();
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

  constructor(directory: string, given: Scenario) {
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
    if (operation === "syncData" && next.fault !== "short") this.truth.unsynced.add(path);
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
    const batch = batchOf(format, sizes.map((size, i) => identifiedRecord(format, ids[i]!, size)));
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

  async interfere(interference: Interference): Promise<void> {
    try {
      await this.#interfere(interference);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // the sink has finished it in the background
    }
  }

  async #interfere({ source, format, how, where }: Interference): Promise<void> {
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
    const { records } = parseIdentified(format, bytes);
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
}
