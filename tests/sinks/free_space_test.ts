// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FreeSpace } from "../../sinks/free_space.ts";
import { SinkError } from "../../sinks/sink.ts";
import { denoStoreFileSystem } from "../../sinks/store_file_system.ts";

/** What a file system gives away at once. */
const BLOCK = 4096;

/** Bytes that may take as many blocks, and no more: two beside those that they fill. */
function filling(blocks: number): number {
  return (blocks - 1) * BLOCK - 1;
}

/** A disk with so many blocks free, and how often it was looked at. */
function disk({ free, minFreeBytes }: { free: number | undefined; minFreeBytes: number }) {
  const state = {
    free,
    looks: 0,
    now: 0,
    told: [] as string[],
    error: undefined as Error | undefined,
    makeRoom: () => {},
  };
  const space = new FreeSpace({
    directory: "./data",
    minFreeBytes: minFreeBytes * BLOCK,
    fileSystem: {
      ...denoStoreFileSystem,
      freeBytes: () => {
        state.looks++;
        return state.error === undefined
          ? Promise.resolve(state.free === undefined ? undefined : state.free * BLOCK)
          : Promise.reject(state.error);
      },
    },
    makeRoom: () => Promise.resolve(state.makeRoom()),
    tell: (level, message, { error }) => state.told.push(`${level} ${message}: ${error}`),
    monotonicNow: () => state.now,
  });
  return { state, space };
}

async function assertRefused(space: FreeSpace, blocks: number): Promise<SinkError> {
  const error = await assertRejects(async () => await space.reserve(filling(blocks)), SinkError);
  assertEquals([error.kind, error.retryable], ["low_disk_space", true]);
  return error;
}

Deno.test("FreeSpace.reserve() lets pass what leaves the minimum free, and refuses a block more", async () => {
  const { state, space } = disk({ free: 1_000, minFreeBytes: 400 });
  using _first = await space.reserve(filling(500));
  (await space.reserve(filling(100)))[Symbol.dispose]();
  assertEquals(state.looks, 1);
  state.free = 900;
  const error = await assertRefused(space, 2);
  assertEquals(
    error.message,
    `Cannot write 4095 bytes to './data': ${900 * BLOCK} bytes of the disk are free, and minFreeBytes is ${
      400 * BLOCK
    }`,
  );
});

Deno.test("FreeSpace.reserve() looks at the disk once a second, and not for each batch", async () => {
  const { state, space } = disk({ free: 1_000_000, minFreeBytes: 400 });
  for (state.now = 0; state.now < 5_000; state.now += 10) (await space.reserve(filling(2)))[Symbol.dispose]();
  assertEquals(state.looks, 5);
});

Deno.test("FreeSpace.reserve() sees what others write at its next look, and looks rarely while it refuses", async () => {
  const { state, space } = disk({ free: 1_000, minFreeBytes: 400 });
  (await space.reserve(filling(2)))[Symbol.dispose]();
  state.free = 300;
  state.now = 1_000;
  await Promise.all(Array.from({ length: 50 }, () => assertRefused(space, 2)));
  // Low already before anything was made room for, and after.
  assertEquals(state.looks, 3);
  state.now = 1_099;
  await assertRefused(space, 2);
  assertEquals(state.looks, 3);
  state.free = 402;
  state.now = 1_100;
  (await space.reserve(filling(2)))[Symbol.dispose]();
  assertEquals(state.looks, 4);
});

Deno.test("FreeSpace.reserve() looks again before it refuses for what was written since the last look, and only once", async () => {
  const { state, space } = disk({ free: 1_000, minFreeBytes: 400 });
  (await space.reserve(filling(500)))[Symbol.dispose]();
  state.free = 900; // somebody took 400 blocks away
  state.now = 50;
  (await space.reserve(filling(300)))[Symbol.dispose]();
  assertEquals(state.looks, 2);
  state.free = 600;
  state.now = 60;
  await assertRefused(space, 201);
  // Too little already before anything was made room for, and after.
  assertEquals(state.looks, 4);
  state.now = 159;
  for (let n = 0; n < 50; n++) await assertRefused(space, 201);
  assertEquals(state.looks, 4);
  (await space.reserve(filling(200)))[Symbol.dispose]();
  assertEquals([state.looks, space.room], [4, 0]);
});

Deno.test("FreeSpace.reserve() reckons with writes under way, which a look does not see yet", async () => {
  const { state, space } = disk({ free: 1_000, minFreeBytes: 400 });
  const underWay = await space.reserve(filling(500));
  state.now = 1_000;
  await assertRefused(space, 101);
  assertEquals(space.room, 100 * BLOCK);
  underWay[Symbol.dispose]();
  underWay[Symbol.dispose](); // once is enough
  assertEquals(space.room, 100 * BLOCK);
  state.free = 500;
  state.now = 2_000;
  (await space.reserve(filling(100)))[Symbol.dispose]();
  assertEquals(space.room, 0);
});

Deno.test("FreeSpace.reserve() has room made before it refuses", async () => {
  const { state, space } = disk({ free: 300, minFreeBytes: 400 });
  state.makeRoom = () => state.free = 500;
  (await space.reserve(filling(100)))[Symbol.dispose]();
  assertEquals([state.looks, space.free], [2, 500 * BLOCK]);
});

Deno.test("FreeSpace.reserve() never looks at the disk where nothing is to be kept free", async () => {
  const { state, space } = disk({ free: 0, minFreeBytes: 0 });
  (await space.reserve(filling(1e12)))[Symbol.dispose]();
  assertEquals([state.looks, space.free, space.room], [0, undefined, Infinity]);
});

Deno.test("FreeSpace.reserve() lets everything pass where free space is not known, and tells once", async () => {
  const { state, space } = disk({ free: undefined, minFreeBytes: 400 });
  (await space.reserve(filling(1_000)))[Symbol.dispose]();
  assertEquals(state.told, []);
  state.error = new Error("not implemented");
  for (state.now = 0; state.now < 5_000; state.now += 1_000) {
    (await space.reserve(filling(1_000)))[Symbol.dispose]();
  }
  assertEquals(state.told, ["warn free disk space is not known: not implemented"]);
  state.error = undefined;
  state.free = 0;
  state.now += 1_000;
  await assertRefused(space, 2);
});

Deno.test("denoStoreFileSystem.freeBytes() tells what df tells", async () => {
  const directory = await Deno.makeTempDir();
  const { stdout } = await new Deno.Command("df", { args: ["-B1", "--output=avail", directory] }).output();
  const expected = Number(new TextDecoder().decode(stdout).trim().split("\n").at(-1));
  const free = await denoStoreFileSystem.freeBytes(directory);
  await Deno.remove(directory);
  assert(
    free !== undefined && Math.abs(free - expected) < 2 ** 30,
    `${free} bytes are free, and df says ${expected}`,
  );
});
