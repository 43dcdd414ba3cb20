// @ts-types="../types/deno_std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { BodyCompressor } from "../../sinks/body_compressor.ts";
import { SinkError } from "../../sinks/sink.ts";

function text(bytes: number): Uint8Array {
  const line = '{"level":"info","message":"request served","status":200}\n';
  return new TextEncoder().encode(line.repeat(Math.ceil(bytes / line.length))).subarray(0, bytes);
}

for (const [coding, decode] of [["gzip", gunzipSync], ["zstd", zstdDecompressSync]] as const) {
  Deno.test(`BodyCompressor.compress() gives ${coding} bodies back in their order, however many at once`, async () => {
    const compressor = new BodyCompressor(coding);
    const bodies = [600, 5_000_000, 70_000, 512].map(text);
    const coded = await Promise.all(bodies.map((body) => compressor.compress(body)));
    for (const [i, { coding: told, bytes }] of coded.entries()) {
      assertEquals(told, coding);
      assertLess(bytes.length, bodies[i]!.length / 2);
      assert(bodies[i]!.length > 0, "the memory of the body was taken away");
      assertEquals(new Uint8Array(decode(bytes)), bodies[i]);
    }
    compressor.close();
  });
}

Deno.test("BodyCompressor.compress() leaves bodies alone that are small, do not get smaller, or shall not", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  const compressor = new BodyCompressor("zstd");
  for (
    const [by, body] of [[compressor, text(511)], [compressor, noise], [
      new BodyCompressor("none"),
      text(5000),
    ]] as const
  ) {
    const { coding, bytes } = await by.compress(body);
    assertEquals(coding, undefined);
    assertStrictEquals(bytes, body);
  }
  compressor.close();
});

Deno.test("BodyCompressor.compress() leaves the thread that it is called in to others", async () => {
  const compressor = new BodyCompressor("gzip");
  await compressor.compress(text(1000)); // the thread has started
  let turns = 0;
  let done = false;
  const compressing = compressor.compress(text(64 * 2 ** 20)).then(() => done = true);
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve));
    turns++;
  }
  await compressing;
  compressor.close();
  assertGreater(turns, 5); // on this thread it would be one
});

Deno.test("BodyCompressor.close() tells who waits, and the next body starts another thread", async () => {
  const compressor = new BodyCompressor("gzip");
  const waiting = compressor.compress(text(5_000_000));
  compressor.close();
  const error = await assertRejects(() => waiting, SinkError);
  assertEquals([error.kind, error.retryable], ["aborted", true]);
  assertEquals((await compressor.compress(text(5000))).coding, "gzip");
  compressor.close();
  compressor.close();
});

Deno.test("BodyCompressor.compress() tells that its thread broke, and starts another one", async () => {
  const compressor = new BodyCompressor("gzip");
  const broken = compressor.compress(
    Object.assign(text(5000), { slice: () => ({ buffer: new ArrayBuffer(8) }) }),
  );
  const error = await assertRejects(() => broken, SinkError, "Cannot compress: ");
  assertEquals([error.kind, error.retryable], ["compression", true]);
  assertEquals((await compressor.compress(text(5000))).coding, "gzip");
  compressor.close();
});
