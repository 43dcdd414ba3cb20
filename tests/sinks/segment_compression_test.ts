// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { SegmentStore } from "../../sinks/segment_store.ts";
import { waitFor } from "../wait_for.ts";
import { decompressed } from "./decompressed.ts";
import { BEGIN, figuresOf, nameAt, StoredSegments } from "./stored_segments.ts";

/** Lines that compress about as well as real ones do. */
function lines(count: number): string {
  return Array.from({ length: count }, (_, n) => `{"n":${n},"value":${Math.sqrt(n + 1)}}\n`).join("");
}

const SUFFIXES = { gzip: ".gz", zstd: ".zst" } as const;

async function compressedAll(store: SegmentStore, files: number): Promise<void> {
  await waitFor(() => figuresOf(store)["compressed_files"] === files, {
    what: `${files} segments to be compressed`,
  });
}

for (const compression of ["gzip", "zstd"] as const) {
  Deno.test(`SegmentStore makes ${compression} of finished segments, which the ${compression} tool reads`, async () => {
    await using test = await StoredSegments.create();
    const store = new SegmentStore({ ...test.options, compression });
    await store.open();
    const texts = [lines(40_000), "", "1\n"];
    let input = 0;
    for (const [i, text] of texts.entries()) {
      const path = await test.put(`a/${nameAt(i)}`, text, i + 10);
      input += text.length;
      store.finished(path, text.length);
    }
    await compressedAll(store, 3);
    const names = texts.map((_, i) => `a/${nameAt(i)}${SUFFIXES[compression]}`);
    assertEquals(await test.files(), names);
    let output = 0;
    for (const [i, name] of names.entries()) {
      const path = `${test.directory}/${name}`;
      assertEquals(await decompressed(path), texts[i]);
      const { mtime, size } = await Deno.stat(path);
      assertEquals(mtime?.getTime(), BEGIN + (i + 10) * 60_000);
      output += size;
    }
    const figures = figuresOf(store);
    assert(output < input / 2, `${input} bytes became ${output}`);
    assertEquals(figures, {
      ...figures,
      compression_waiting_files: 0,
      compression_input_bytes: input,
      compression_output_bytes: output,
      compression_failures: 0,
      stored_files: 3,
      stored_bytes: output,
    });
    await store.close();
    assertEquals(test.told, []);
  });
}

Deno.test("SegmentStore.open() compresses what earlier runs finished, and begins anew what was cut short", async () => {
  await using test = await StoredSegments.create();
  await test.put(`a/${nameAt(0)}`, lines(10));
  await test.put(`a/${nameAt(0)}.zst.tmp`, "half of it");
  await test.put(`b/${nameAt(1)}.gz.tmp`, "of an original that is gone");
  await test.put(`b/${nameAt(2)}.gz`, "compressed otherwise, and left alone");
  await test.put(`b/${nameAt(3)}.open`, "being written");
  const store = new SegmentStore({ ...test.options, compression: "zstd" });
  await store.open();
  await compressedAll(store, 1);
  await store.close();
  assertEquals(await test.files(), [`a/${nameAt(0)}.zst`, `b/${nameAt(2)}.gz`, `b/${nameAt(3)}.open`]);
  assertEquals(await decompressed(`${test.directory}/a/${nameAt(0)}.zst`), lines(10));
});

for (const compression of ["none", "gzip", "zstd"] as const) {
  Deno.test(`SegmentStore.open() leaves one of two forms of a segment, with compression ${compression}`, async () => {
    await using test = await StoredSegments.create();
    // What a process leaves behind that ends between giving the new one its name and removing the original.
    await test.put(`a/${nameAt(0)}`, lines(10));
    await test.put(`a/${nameAt(0)}.gz`, "what it was made of is still there, so it need not be trusted");
    const store = new SegmentStore({ ...test.options, compression });
    await store.open();
    await compressedAll(store, 1);
    assertEquals(await test.files(), [`a/${nameAt(0)}.gz`]);
    assertEquals(await decompressed(`${test.directory}/a/${nameAt(0)}.gz`), lines(10));
    const { size } = await Deno.stat(`${test.directory}/a/${nameAt(0)}.gz`);
    const { stored_files, stored_bytes } = figuresOf(store);
    assertEquals([stored_files, stored_bytes], [1, size]);
    await store.close();
  });
}

Deno.test("SegmentStore never shows a compressed segment that is not whole, nor neither form of one", async () => {
  await using test = await StoredSegments.create();
  const seen: string[][] = [];
  const step = async (name: string) => {
    const files = (await test.files()).map((file) => file.slice(file.indexOf(".ndjson") + 7) || "original");
    seen.push([name, ...files]);
  };
  const { rename, remove, syncDirectory } = test.fileSystem;
  test.fileSystem.rename = async (from, to) => {
    assertEquals(await decompressed(from, ".gz"), lines(1000)); // whole before it has its name
    await step("rename");
    await rename(from, to);
  };
  test.fileSystem.syncDirectory = async (path) => {
    await step("syncDirectory");
    await syncDirectory(path);
  };
  test.fileSystem.remove = async (path) => {
    await step("remove");
    await remove(path);
  };
  const store = new SegmentStore({ ...test.options, compression: "gzip" });
  await store.open();
  store.finished(await test.put(`a/${nameAt(0)}`, lines(1000)), lines(1000).length);
  await compressedAll(store, 1);
  await store.close();
  assertEquals(seen, [
    ["rename", "original", ".gz.tmp"],
    ["syncDirectory", "original", ".gz"],
    ["remove", "original", ".gz"],
  ]);
});

for (const step of ["rename", "syncDirectory", "remove"] as const) {
  Deno.test(`SegmentStore keeps the original when a compression fails at ${step}, tells once, and tries again`, async () => {
    await using test = await StoredSegments.create();
    const works: (path: string, to: string) => Promise<void> = test.fileSystem[step];
    let failures = 0;
    test.fileSystem[step] = (path: string, to: unknown = "") => {
      if (step === "remove" && path.endsWith(".tmp")) return works(path, String(to));
      if (++failures > 2) return works(path, String(to));
      throw Object.assign(new Error("Injected"), { code: "EIO" });
    };
    const store = new SegmentStore({ ...test.options, compression: "gzip" });
    await store.open();
    store.finished(await test.put(`a/${nameAt(0)}`, lines(10)), lines(10).length);
    await waitFor(() => figuresOf(store)["compression_failures"] === 1, { what: "the first failure" });
    assert((await test.files()).includes(`a/${nameAt(0)}`));
    assertEquals(figuresOf(store)["compression_waiting_files"], 1);
    await compressedAll(store, 1);
    assertEquals(await test.files(), [`a/${nameAt(0)}.gz`]);
    assertEquals(await decompressed(`${test.directory}/a/${nameAt(0)}.gz`), lines(10));
    assertEquals(figuresOf(store)["compression_failures"], 2);
    assertEquals(test.told.map(([text, { kind }]) => [text, kind]), [
      ["warn segment cannot be compressed", "EIO"],
      ["info segments are compressed again", undefined],
    ]);
    await store.close();
  });
}

Deno.test("SegmentStore compresses the others first when one cannot be", async () => {
  await using test = await StoredSegments.create();
  const { rename } = test.fileSystem;
  test.fileSystem.rename = (from, to) => {
    if (from.includes(nameAt(0))) throw Object.assign(new Error("Injected"), { code: "EIO" });
    return rename(from, to);
  };
  for (let i = 0; i < 4; i++) await test.put(`a/${nameAt(i)}`, "1\n");
  const store = new SegmentStore({ ...test.options, compression: "gzip" });
  await store.open();
  await compressedAll(store, 3);
  await store.close();
  assertEquals(await test.files(), [
    `a/${nameAt(0)}`,
    ...[1, 2, 3].map((i) => `a/${nameAt(i)}.gz`),
  ]);
});

Deno.test("SegmentStore does not bring back, compressed, a segment that was taken away meanwhile", async () => {
  await using test = await StoredSegments.create();
  const { stat } = test.fileSystem;
  let looks = 0;
  test.fileSystem.stat = async (path) => {
    // Once it is found, and once it is compressed.
    if (path.endsWith(`${nameAt(0)}`) && ++looks === 2) await Deno.remove(path);
    return await stat(path);
  };
  const store = new SegmentStore({ ...test.options, compression: "gzip" });
  await store.open();
  store.finished(await test.put(`a/${nameAt(0)}`, "1\n"), 2);
  store.finished(`${test.directory}/a/${nameAt(1)}`, 2); // taken away before its turn has come
  store.finished(await test.put(`a/${nameAt(2)}`, "3\n"), 2);
  await compressedAll(store, 1);
  await store.close();
  assertEquals(looks, 2);
  assertEquals(await test.files(), [`a/${nameAt(2)}.gz`]);
  assertEquals([figuresOf(store)["compression_failures"], test.told], [0, []]);
});

Deno.test("SegmentStore does not bring back a segment that was taken away while its compressed form got its name", async () => {
  await using test = await StoredSegments.create();
  const { rename } = test.fileSystem;
  test.fileSystem.rename = async (from, to) => {
    await rename(from, to);
    if (to.endsWith(`${nameAt(0)}.gz`)) await Deno.remove(to.slice(0, -".gz".length));
  };
  const store = new SegmentStore({ ...test.options, compression: "gzip" });
  await store.open();
  store.finished(await test.put(`a/${nameAt(0)}`, "1\n"), 2);
  store.finished(await test.put(`a/${nameAt(1)}`, "2\n"), 2);
  await compressedAll(store, 1);
  await store.close();
  assertEquals(await test.files(), [`a/${nameAt(1)}.gz`]);
  assertEquals([figuresOf(store)["compression_failures"], test.told], [0, []]);
});

Deno.test("SegmentStore.close() ends a compression at once and leaves the original", async () => {
  await using test = await StoredSegments.create();
  const store = new SegmentStore({ ...test.options, compression: "gzip" });
  await store.open();
  const bytes = new Uint8Array(64 * 1024 * 1024).map((_, i) => i * i >> 3);
  const path = await test.put(`a/${nameAt(0)}`, bytes);
  store.finished(path, bytes.length);
  await waitFor(() => Deno.lstat(`${path}.gz.tmp`).then(({ size }) => size > 0, () => false), {
    what: "it to begin",
  });
  const begin = performance.now();
  await store.close();
  assert(performance.now() - begin < 2_000);
  assertEquals((await Deno.lstat(path)).size, bytes.length);
  assertEquals((await test.files()).filter((name) => name.endsWith(".gz")), []);
  assertEquals([figuresOf(store)["compression_failures"], test.told], [0, []]);
});

Deno.test("SegmentStore compresses all of more segments than it remembers", async () => {
  await using test = await StoredSegments.create();
  const count = 1_100;
  for (let i = 0; i < count; i++) await test.put(`a/${nameAt(i)}`, `${i}\n`);
  const store = new SegmentStore({ ...test.options, compression: "zstd" });
  await store.open();
  assert(figuresOf(store)["compression_waiting_files"]! <= 1_000);
  await waitFor(() => figuresOf(store)["compressed_files"] === count, {
    what: "all to be compressed",
    timeout: 60_000,
  });
  await store.close();
  assertEquals((await test.files()).filter((name) => name.endsWith(".zst")).length, count);
});

Deno.test("SegmentStore compresses only as far as enough of the disk stays free", async () => {
  await using test = await StoredSegments.create();
  let free = 1_500;
  test.fileSystem.freeBytes = () => Promise.resolve(free);
  const store = new SegmentStore({ ...test.options, compression: "gzip", minFreeBytes: 1_000 });
  await store.open();
  const text = lines(1_000); // some 10 kB compressed
  store.finished(await test.put(`a/${nameAt(0)}`, text), text.length);
  await waitFor(() => figuresOf(store)["compression_failures"] === 1, { what: "a failure" });
  assertEquals(await test.files(), [`a/${nameAt(0)}`]);
  free = 1_000_000;
  await compressedAll(store, 1);
  assertEquals(test.told.map(([text, { kind }]) => [text, kind]), [
    ["warn segment cannot be compressed", "low_disk_space"],
    ["info segments are compressed again", undefined],
  ]);
  await store.close();
});
