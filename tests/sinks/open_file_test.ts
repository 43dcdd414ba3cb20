// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { isBlockDevice, OpenFile } from "../../sinks/open_file.ts";

/** An open file that says it is on the file system of that number. */
function fileOn(dev: number): { file: Deno.FsFile; looks: string[] } {
  const looks: string[] = [];
  const status = { size: 3, nlink: 1, ino: 5, dev };
  const file = {
    stat: () => (looks.push("on a thread"), Promise.resolve(status)),
    statSync: () => (looks.push("at once"), status),
  } as unknown as Deno.FsFile;
  return { file, looks };
}

Deno.test("OpenFile.stat() looks at once on a block device, from the second time on", async () => {
  const { file, looks } = fileOn(0xfd01); // 253:1
  const open = new OpenFile(file);
  assertInstanceOf(open.stat(), Promise);
  for (let i = 0; i < 3; i++) assertEquals((await open.stat()).size, 3);
  // The second look began before the first one had told; on another system than Linux numbers mean something else.
  const rest = Deno.build.os === "linux" ? ["at once", "at once"] : ["on a thread", "on a thread"];
  assertEquals(looks, ["on a thread", "on a thread", ...rest]);
});

Deno.test("OpenFile.stat() leaves every look to a thread where the file system may ask somebody", async () => {
  const { file, looks } = fileOn(0x2d); // 0:45
  const open = new OpenFile(file);
  for (let i = 0; i < 3; i++) {
    const status = open.stat();
    assertInstanceOf(status, Promise);
    assertEquals((await status).ino, 5);
  }
  assertEquals(looks, ["on a thread", "on a thread", "on a thread"]);
});

Deno.test("OpenFile.stat() tells what became of a real file", async () => {
  const path = await Deno.makeTempFile();
  const open = new OpenFile(await Deno.open(path, { read: true, append: true }));
  for (const size of [2, 4, 6]) {
    await open.write(new Uint8Array(2));
    const status = await open.stat();
    assertEquals([status.size, status.nlink], [size, 1]);
  }
  await Deno.remove(path);
  assertEquals((await open.stat()).nlink, 0);
  open.close();
});

Deno.test("isBlockDevice() takes the major part of a number for what it is", () => {
  // 8:1, 259:3, 253:0, 4096:0, 0:45, 0:1048575: makedev(3) of the C library.
  const devices = [0x801, 0x10303, 0xfd00, 2 ** 44, 0x2d, 0xfff000ff];
  assertEquals(devices.map(isBlockDevice), [true, true, true, true, false, false]);
  assert(!isBlockDevice(0));
});
