// @ts-types="../../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { constants, zstdCompressSync } from "node:zlib";
import { BrokenStream } from "../../../collector/inspect/broken_stream.ts";
import { decompressZstd } from "../../../collector/inspect/zstd_stream.ts";

const TEXT = Array.from({ length: 5_000 }, (_, n) => `{"n":${n},"value":${Math.sqrt(n)}}\n`).join("");
const PLAIN = new TextEncoder().encode(TEXT);
/** A frame of what decoders skip. */
const SKIPPED = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 7, 7, 7);

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.slice(at, at + size));
}

/** What comes out, up to an error if there is one. */
async function decompress(bytes: Uint8Array, size = 1_000): Promise<{ text: string; error: unknown }> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of decompressZstd(inPieces(bytes, size))) {
      text += decoder.decode(piece, { stream: true });
    }
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("decompressZstd() reads one frame, several, empty ones, and what decoders skip", async () => {
  const frame = zstdCompressSync(PLAIN);
  const empty = zstdCompressSync(new Uint8Array(0));
  for (const size of [1, 7, 1_000, 1_000_000]) {
    assertEquals(await decompress(frame, size), { text: TEXT, error: undefined });
  }
  assertEquals(await decompress(concat(frame, SKIPPED, empty, frame)), {
    text: TEXT + TEXT,
    error: undefined,
  });
  assertEquals(await decompress(concat(SKIPPED)), { text: "", error: undefined });
  assertEquals(await decompress(empty), { text: "", error: undefined });
});

Deno.test("decompressZstd() notices wherever a file breaks off, and gives what can be decompressed before", async () => {
  const frame = zstdCompressSync(PLAIN);
  const whole = concat(frame, frame);
  for (let cut = 0; cut < whole.length; cut += cut % frame.length < 20 ? 1 : 997) {
    const { text, error } = await decompress(whole.subarray(0, cut));
    if (cut === frame.length) assertEquals([text, error], [TEXT, undefined]);
    else {
      assert(error instanceof BrokenStream, `cut at ${cut}: ${error}`);
      assert((TEXT + TEXT).startsWith(text));
      assert(text.length >= (cut > frame.length ? TEXT.length : 0));
    }
  }
});

Deno.test("decompressZstd() refuses what is no zstd, and data that was changed", async () => {
  for (const bytes of [new TextEncoder().encode("no zstd at all"), new Uint8Array(100)]) {
    assert((await decompress(bytes)).error instanceof BrokenStream);
  }
  const frame = zstdCompressSync(PLAIN);
  const { text, error } = await decompress(concat(frame, Uint8Array.of(1, 2, 3, 4)));
  assertEquals(text, TEXT);
  assert(error instanceof BrokenStream);
  const checked = zstdCompressSync(PLAIN, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  assertEquals((await decompress(checked)).error, undefined);
  checked[checked.length - 1]! ^= 1;
  assert((await decompress(checked)).error instanceof BrokenStream);
});

Deno.test("decompressZstd() passes on why its input cannot be read", async () => {
  // deno-lint-ignore require-yield
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    throw await Promise.resolve(new Deno.errors.NotFound("gone"));
  };
  await assertRejects(async () => {
    for await (const _ of decompressZstd(broken()));
  }, Deno.errors.NotFound);
});
