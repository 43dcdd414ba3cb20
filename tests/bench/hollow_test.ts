// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater } from "@std/assert";
import { hollow } from "../../bench/servers/hollow.ts";

const MIB = 1024 * 1024;

Deno.test("hollow() lets go of what a file takes up, unnoticed by who appends to it", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/ö`;
    using file = await Deno.open(path, { append: true, create: true, read: true });
    const data = new Uint8Array(4 * MIB).fill(1);
    await file.write(data);
    await file.syncData(); // so that it has blocks
    assertGreater((await Deno.stat(path)).blocks!, 0);
    if (!await hollow(path)) {
      // deno-lint-ignore no-console -- a test that needs something absent says so
      console.log("not tested: the file system cannot make holes");
      return;
    }
    const { blocks, nlink, size } = await file.stat();
    assertEquals([blocks, nlink, size], [0, 1, data.length]);
    await file.write(data.subarray(0, 3));
    assertEquals((await file.stat()).size, data.length + 3);
    await file.seek(data.length - 2, Deno.SeekMode.Start);
    const end = new Uint8Array(5);
    await file.read(end);
    assertEquals(end, Uint8Array.of(0, 0, 1, 1, 1));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("hollow() has nothing to do in an empty file, and says so of one that is not there", async () => {
  const path = await Deno.makeTempFile();
  assertEquals(await hollow(path), true);
  await Deno.remove(path);
  assertEquals(await hollow(path), false);
});
