// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { EXTENSION, type Format, FORMATS, parseIdentified } from "./identified_records.ts";

/** What has to be in the files of a sink: what was told to whoever wrote, and what others did to it. */
export class CrashTruth {
  /** Records that have to be there. */
  readonly required = new Set<number>();
  /** Of those, the ones that were only acknowledged as written. */
  readonly onlyWritten = new Set<number>();
  /** Records that may be there without an acknowledgement. */
  readonly possible = new Set<number>();
  /** Records that may be there more than once, as a sync failed and a retry was told. */
  readonly doubled = new Set<number>();
  /** Files of which a sync has failed, which was told: a loss of power may tear them although they are finished. */
  readonly unsynced = new Set<string>();

  /** Somebody destroyed records. */
  destroy(ids: Iterable<number>): void {
    for (const id of ids) {
      if (this.required.delete(id)) this.possible.add(id);
    }
  }

  /** Looks at what is in the directory of a sink that has ended well. */
  async check(directory: string): Promise<void> {
    for (const source of [0, 1]) {
      for (const format of FORMATS) await this.#checkFiles(`${directory}/s${source}`, format);
    }
    assertEquals(this.required.size, 0, `missing: ${[...this.required].slice(0, 5)}`);
  }

  async #checkFiles(directory: string, format: Format): Promise<void> {
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name).catch(
      (): string[] => [],
    );
    assertEquals(names.filter((name) => name.endsWith(".open")), []);
    const order: number[] = [];
    for (const name of names.filter((name) => name.endsWith(EXTENSION[format])).sort()) {
      const { records, rest } = parseIdentified(format, await Deno.readFile(`${directory}/${name}`));
      if (name.startsWith("moved")) { // in an order of its own, and with whatever was torn when it was moved
        for (const { id } of records) this.required.delete(id);
        continue;
      }
      if (!this.unsynced.has(`${directory}/${name}.open`)) {
        assertEquals([rest, records.length > 0], [0, true], name);
      }
      order.push(...records.map(({ id }) => id));
    }
    const { required, possible, doubled } = this;
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
