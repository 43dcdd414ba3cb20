// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import {
  CONTENT_CODINGS,
  type ContentCoding,
  decode,
  decodedSizeHint,
  decodeStream,
  parseContentCoding,
} from "../../collector/content_coding.ts";
import { concat, encode, skippableFrame, zeros, zstdFrame } from "./coded_bodies.ts";

const MIB = 1 << 20;
const TEXT = new TextEncoder().encode('{"message":"größer"}\n'.repeat(6));
const LONG = new TextEncoder().encode(Array.from({ length: 20_000 }, (_, i) => `{"n":${i ** 2}}\n`).join(""));
/** What may stand behind a body: other zeros than a tape's, the beginning of the same again, anything. */
const GARBAGE = [[1], [0x1f], [0x1f, 0x8b, 8], [0x78, 0x9c], [0x28, 0xb5, 0x2f], [
  255,
  255,
  255,
  255,
  255,
  255,
  255,
  255,
]];

async function expectInvalid(coding: ContentCoding, body: Uint8Array, reason = ""): Promise<void> {
  const decoded = await decode(coding, body, MIB);
  assert(!decoded.ok, `${coding} of ${body.length} bytes was taken`);
  assertEquals(decoded.code, "invalid_encoding");
  assertStringIncludes(decoded.reason, `body is not valid ${coding}: ${reason}`);
}

/** By how many bytes the process grows at most meanwhile. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = Deno.memoryUsage().rss;
  let peak = before;
  const look = () => peak = Math.max(peak, Deno.memoryUsage().rss);
  const timer = setInterval(look, 1);
  await work();
  clearInterval(timer);
  look();
  return peak - before;
}

Deno.test("parseContentCoding() knows the codings, by all their names", () => {
  const names = {
    gzip: "gzip",
    "x-gzip": "gzip",
    GZip: "gzip",
    " br ": "br",
    deflate: "deflate",
    zstd: "zstd",
  };
  for (const [name, coding] of Object.entries(names)) assertEquals(parseContentCoding(name), coding);
  for (const none of [null, "", "identity", "Identity"]) assertEquals(parseContentCoding(none), "identity");
  for (const name of ["compress", "gzip, gzip", "gzip,br", "gz", "*", "constructor", "gzip;q=1"]) {
    assertEquals(parseContentCoding(name), undefined, name);
  }
});

for (const coding of CONTENT_CODINGS) {
  Deno.test(`decode() takes ${coding} off, of nothing, little and much`, async () => {
    for (const body of [new Uint8Array(), Uint8Array.of(10), TEXT, LONG]) {
      const decoded = await decode(coding, encode(coding, body), MIB);
      assert(decoded.ok);
      assertEquals(decoded.body.length, body.length);
      assert(decoded.body.every((byte, i) => byte === body[i]));
    }
  });

  Deno.test(`decode() notices that ${coding} breaks off, wherever it does`, async () => {
    const whole = encode(coding, TEXT);
    for (let length = 0; length < whole.length; length++) {
      await expectInvalid(coding, whole.subarray(0, length));
    }
    const long = encode(coding, LONG);
    for (const missing of [1, 2, 5, 1_000, long.length - 20]) {
      await expectInvalid(coding, long.subarray(0, long.length - missing));
    }
  });

  Deno.test(`decode() survives a defect anywhere in ${coding}`, async () => {
    // Behind the first 16 KiB that come out, one decoder of the runtime throws where nobody can catch it.
    const coded = encode(coding, LONG);
    for (let i = 0; i < 200; i++) {
      const defective = coded.slice();
      defective[Math.floor(coded.length * i / 200)]! ^= 0x55;
      const decoded = await decode(coding, defective, MIB);
      // Of the four only gzip and deflate always have a checksum.
      if (coding === "gzip" || coding === "deflate") assertEquals(decoded.ok, false, `byte ${i} of 200`);
    }
  });

  Deno.test(`decode() refuses ${coding} with something else behind it`, async () => {
    for (const garbage of GARBAGE) {
      await expectInvalid(coding, concat(encode(coding, TEXT), Uint8Array.from(garbage)));
    }
  });

  Deno.test(`decode() refuses what is no ${coding} at all`, async () => {
    await expectInvalid(coding, TEXT);
    for (const other of CONTENT_CODINGS) {
      if (other !== coding) await expectInvalid(coding, encode(other, TEXT));
    }
  });

  Deno.test(`decode() lets exactly as much of ${coding} through as the limit says`, async () => {
    for (const body of [Uint8Array.of(10), TEXT, LONG]) {
      const coded = encode(coding, body);
      assertEquals((await decode(coding, coded, body.length)).ok, true);
      assertEquals((await decode(coding, coded, body.length + 1)).ok, true);
      if (body.length === 1) continue;
      const limit = body.length - 1;
      assertEquals(await decode(coding, coded, limit), {
        ok: false,
        code: "too_large",
        reason: `body is larger than ${limit} bytes without its coding`,
      });
    }
  });

  Deno.test(`decode() cuts a ${coding} bomb of 1 GiB off while it inflates`, async () => {
    const bomb = await zeros(coding, 1024);
    assertLess(bomb.length, 2 * MIB);
    const growth = await growthDuring(async () => {
      const decoded = await decode(coding, bomb, 8 * MIB);
      assert(!decoded.ok && decoded.code === "too_large");
    });
    assertLess(growth, 64 * MIB);
  });
}

Deno.test("decode() takes every member of a gzip body, and its padding", async () => {
  const members = concat(encode("gzip", TEXT), encode("gzip", new Uint8Array()), encode("gzip", TEXT));
  for (const body of [members, concat(members, new Uint8Array(512))]) {
    const decoded = await decode("gzip", body, MIB);
    assertEquals(decoded, { ok: true, body: decoded.ok ? decoded.body : TEXT });
    assertEquals(decoded.ok && concat(decoded.body), concat(TEXT, TEXT));
  }
  await expectInvalid("gzip", members.subarray(0, members.length - 1));
  assertEquals((await decode("gzip", members, 2 * TEXT.length)).ok, true);
  assertEquals((await decode("gzip", members, 2 * TEXT.length - 1)).ok, false);
});

Deno.test("decode() refuses a second deflate or brotli body behind the first, which no decoder would see", async () => {
  await expectInvalid("deflate", concat(encode("deflate", TEXT), encode("deflate", TEXT)), "");
  await expectInvalid(
    "deflate",
    concat(encode("deflate", TEXT), new Uint8Array(3)),
    "3 bytes follow its end",
  );
  await expectInvalid("br", concat(encode("br", TEXT), encode("br", TEXT)));
});

Deno.test("decode() takes every frame of a zstd body, and skips those that are to be skipped", async () => {
  const frame = encode("zstd", TEXT);
  const skipped = skippableFrame(7, frame);
  const body = concat(skipped, frame, encode("zstd", new Uint8Array()), skipped, frame, frame, skipped);
  const decoded = await decode("zstd", body, 3 * TEXT.length);
  assertEquals(decoded.ok && concat(decoded.body), concat(TEXT, TEXT, TEXT));
  assertEquals((await decode("zstd", body, 3 * TEXT.length - 1)).ok, false);
  await expectInvalid("zstd", body.subarray(0, body.length - 1));
  const nothing = await decode("zstd", concat(skipped, skipped), MIB);
  assertEquals(nothing.ok && nothing.body.length, 0);
});

Deno.test("decode() refuses a zstd window that is larger than the limit and than 8 MiB", async () => {
  const frame = (window: number) => zstdFrame({ window, blocks: [{ type: "raw", bytes: TEXT }] });
  assertEquals((await decode("zstd", frame(13 << 3), MIB)).ok, true); // 2 ** (10 + 13) is 8 MiB
  await expectInvalid(
    "zstd",
    frame(13 << 3 | 1),
    "a frame needs a window of 9437184 bytes, the most is 8388608",
  );
  await expectInvalid("zstd", frame(31 << 3 | 7), "a frame needs a window of 4123168604160 bytes");
  assertEquals((await decode("zstd", frame(14 << 3), 16 * MIB)).ok, true);
});

Deno.test("decode() believes a zstd frame that says itself to be larger than the limit", async () => {
  const contentSize = new Uint8Array(8).fill(255);
  const blocks = [{ type: "raw" as const, bytes: TEXT }];
  for (const frame of [zstdFrame({ contentSize, blocks }), zstdFrame({ contentSize, window: 0, blocks })]) {
    const decoded = await decode("zstd", frame, MIB);
    assert(!decoded.ok && decoded.code === "too_large");
  }
  // One that says itself to be of another size than it is, is not valid.
  await expectInvalid("zstd", zstdFrame({ contentSize: Uint8Array.of(TEXT.length - 1), blocks }));
});

Deno.test("decode() needs no memory for each of very many zstd frames", async () => {
  const frame = encode("zstd", Uint8Array.of(65));
  const body = concat(...Array.from({ length: 30_000 }, () => frame));
  const growth = await growthDuring(async () => {
    const decoded = await decode("zstd", body, MIB);
    assertEquals(decoded.ok && decoded.body.length, 30_000);
  });
  // The decoder's smallest piece is 16 KiB: kept, they would be half a gigabyte.
  assertLess(growth, 256 * MIB);
});

Deno.test("decodedSizeHint() is what a gzip body says at its end, and nothing for other bodies", () => {
  assertEquals(decodedSizeHint("gzip", encode("gzip", LONG)), LONG.length);
  const shifted = concat(new Uint8Array(3), encode("gzip", TEXT)).subarray(3);
  assertEquals(decodedSizeHint("gzip", shifted), TEXT.length);
  assertEquals(decodedSizeHint("gzip", new Uint8Array(17)), undefined);
  for (const coding of ["deflate", "br", "zstd"] as const) {
    assertEquals(decodedSizeHint(coding, encode(coding, LONG)), undefined);
  }
});

/** Takes the coding off a stream that comes in pieces of so many bytes. */
async function decodePieces(coding: "gzip" | "deflate", body: Uint8Array, size: number): Promise<Uint8Array> {
  const decoded: Uint8Array[] = [];
  const pieces = async function* () {
    for (let at = 0; at < body.length; at += size) yield await Promise.resolve(body.slice(at, at + size));
  };
  await decodeStream(coding, pieces(), async (pieces) => {
    for await (const piece of pieces) decoded.push(piece.slice());
  });
  return concat(...decoded);
}

for (const coding of ["gzip", "deflate"] as const) {
  Deno.test(`decodeStream() takes ${coding} off whole streams only, however they are cut`, async () => {
    const whole = encode(coding, TEXT);
    for (const size of [1, 2, 7, 1_000]) assertEquals(await decodePieces(coding, whole, size), TEXT);
    for (let length = 0; length < whole.length; length++) {
      await assertRejects(() => decodePieces(coding, whole.subarray(0, length), 7), Error);
    }
    for (const garbage of GARBAGE) {
      for (const size of [1, 1_000]) {
        await assertRejects(() => decodePieces(coding, concat(whole, Uint8Array.from(garbage)), size), Error);
      }
    }
  });

  Deno.test(`decodeStream() gives a ${coding} bomb out in small pieces, and stops when its consumer does`, async () => {
    const bomb = await zeros(coding, 1024);
    let total = 0;
    const consume = async (pieces: AsyncIterable<Uint8Array>) => {
      for await (const { length } of pieces) {
        assert(length <= 64 * 1024, `a piece of ${length} bytes`);
        total += length;
        if (total > 8 * MIB) throw new RangeError("enough");
      }
    };
    const pieces = async function* () {
      yield await Promise.resolve(bomb);
    };
    await assertRejects(() => decodeStream(coding, pieces(), consume), RangeError, "enough");
    assertLess(total, 9 * MIB);
  });
}
