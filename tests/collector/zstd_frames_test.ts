// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decode } from "../../collector/content_coding.ts";
import { zstdFrames } from "../../collector/zstd_frames.ts";
import { concat, encode, type FrameParts, skippableFrame, zstdFrame } from "./coded_bodies.ts";

const HELLO = new TextEncoder().encode("hello\n");
const RAW = { type: "raw", bytes: HELLO } as const;
const RLE = { type: "rle", byte: 10, times: 100_000 } as const;

const lengths = (body: Uint8Array) => [...zstdFrames(body)].map(({ bytes }) => bytes.length);

/** What is to be known of a frame, but for its bytes. */
function headOf(parts: FrameParts): { window: number; contentSize: number | undefined } {
  const frame = zstdFrame(parts);
  const [first, ...more] = zstdFrames(frame);
  assert(first !== undefined);
  const { bytes, window, contentSize } = first;
  assertEquals([bytes, more], [frame, []]);
  return { window, contentSize };
}

Deno.test("zstdFrames() reads the window and the content size in every form that they have", () => {
  const blocks = [RAW];
  assertEquals(headOf({ contentSize: Uint8Array.of(6), blocks }), { window: 6, contentSize: 6 });
  assertEquals(headOf({ contentSize: Uint8Array.of(1, 2), blocks }), { window: 769, contentSize: 769 });
  assertEquals(headOf({ contentSize: Uint8Array.of(1, 2, 3, 0x80), blocks }), {
    window: 0x80030201,
    contentSize: 0x80030201,
  });
  const eight = Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0);
  assertEquals(headOf({ contentSize: eight, blocks }), { window: 2 ** 32 + 1, contentSize: 2 ** 32 + 1 });
  // RFC 8878, section 3.1.1.1.2: from 1 KiB up to 3.75 TiB.
  assertEquals(headOf({ window: 0, blocks }), { window: 1024, contentSize: undefined });
  assertEquals(headOf({ window: 0x0f, blocks }), { window: 2048 + 7 * 256, contentSize: undefined });
  assertEquals(headOf({ window: 0xff, blocks }), { window: 2 ** 41 + 7 * 2 ** 38, contentSize: undefined });
  assertEquals(headOf({ window: 8, contentSize: Uint8Array.of(0, 0), blocks }), {
    window: 2048,
    contentSize: 256,
  });
});

Deno.test("zstdFrames() finds the end of a frame with any blocks, a checksum and a dictionary", () => {
  const checksum = Uint8Array.of(1, 2, 3, 4);
  for (const blocks of [[RAW], [RLE], [RAW, RLE, RAW], [{ ...RAW, bytes: new Uint8Array() }]]) {
    for (
      const extra of [{}, { checksum }, { dictionary: Uint8Array.of(9) }, { dictionary: checksum, checksum }]
    ) {
      const frame = zstdFrame({ window: 64, blocks, ...extra });
      assertEquals(lengths(concat(frame, frame)), [frame.length, frame.length]);
      for (let length = 1; length < frame.length; length++) {
        const cut = concat(frame, frame.subarray(0, length));
        assertThrows(() => lengths(cut), SyntaxError, `zstd body breaks off at byte ${cut.length}`);
      }
    }
  }
});

Deno.test("zstdFrames() leaves out what decoders skip", () => {
  const frame = encode("zstd", HELLO);
  const skipped = Array.from({ length: 16 }, (_, kind) => skippableFrame(kind, frame));
  assertEquals(lengths(concat(...skipped)), []);
  assertEquals(lengths(concat(...skipped, frame, ...skipped, frame)), [frame.length, frame.length]);
  assertThrows(() => lengths(skipped[0]!.subarray(0, 9)), SyntaxError, "breaks off at byte 9");
  assertThrows(() => lengths(skippableFrame(16, HELLO)), SyntaxError, "byte 0 is not the beginning");
  const huge = skippableFrame(0, HELLO);
  huge.fill(255, 4, 8);
  assertThrows(() => lengths(huge), SyntaxError, "breaks off");
});

Deno.test("zstdFrames() refuses what is no zstd, and says where", () => {
  const frame = encode("zstd", HELLO);
  assertThrows(() => lengths(new Uint8Array()), SyntaxError, "zstd body is empty");
  assertThrows(() => lengths(HELLO), SyntaxError, "byte 0 is not the beginning of a zstd frame");
  assertThrows(
    () => lengths(concat(frame, HELLO)),
    SyntaxError,
    `byte ${frame.length} is not the beginning of a zstd frame`,
  );
  const reserved = zstdFrame({ window: 0, blocks: [RAW] });
  reserved[6]! |= 6;
  assertThrows(() => lengths(reserved), SyntaxError, "zstd block at byte 6 is of the reserved type");
});

Deno.test("zstdFrames() looks no further than it is asked to", () => {
  const frame = encode("zstd", HELLO);
  const frames = zstdFrames(concat(frame, HELLO));
  assertEquals(frames.next().value?.bytes, frame);
  assertThrows(() => frames.next(), SyntaxError);
});

Deno.test("zstdFrames() works in a view of a larger buffer", () => {
  const frame = encode("zstd", HELLO);
  const body = concat(new Uint8Array(5), frame, new Uint8Array(5)).subarray(5, 5 + frame.length);
  assertEquals([...zstdFrames(body)].map(({ bytes }) => bytes), [frame]);
});

Deno.test("zstdFrames() ends on whatever it is given, with frames or a SyntaxError", () => {
  const start = fc.constantFrom(
    new Uint8Array(),
    encode("zstd", HELLO),
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 64 }), (start, rest) => {
      try {
        const body = concat(start, rest);
        assert(lengths(body).reduce((sum, length) => sum + length, 0) <= body.length);
      } catch (error) {
        assert(error instanceof SyntaxError, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

/** Runs the zstd command on its standard input, so that it does not know how long that is. */
async function zstdCommand(args: string[], input: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command("zstd", { args: ["-c", "-q", ...args], stdin: "piped", stdout: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(input as Uint8Array<ArrayBuffer>).then(() => writer.close());
  const { success, stdout } = await child.output();
  await written;
  assert(success);
  return stdout;
}

async function hasZstdCommand(): Promise<boolean> {
  try {
    return (await new Deno.Command("zstd", { args: ["--version"], stdout: "null" }).output()).success;
  } catch {
    return false;
  }
}

Deno.test({
  // Where it is reported as ignored: there is no command `zstd`, which `apt-get install zstd` brings.
  name:
    "zstdFrames() agrees with the zstd command about frames without sizes, with checksums and long windows",
  ignore: !await hasZstdCommand(),
  async fn() {
    const text = new TextEncoder().encode(
      Array.from({ length: 50_000 }, (_, i) => `{"n":${i ** 2 % 7919}}\n`).join(""),
    );
    for (const input of [new Uint8Array(), HELLO, text]) {
      for (const check of ["--check", "--no-check"]) {
        for (const more of [["-1"], ["-19"], ["--long=27"], [`--stream-size=${input.length}`]]) {
          const frame = await zstdCommand([check, ...more], input);
          const body = concat(frame, frame);
          assertEquals(lengths(body), [frame.length, frame.length]);
          const [first] = zstdFrames(frame);
          if (more[0]!.startsWith("--stream-size") && input.length > 0) {
            assertEquals(first!.contentSize, input.length);
          }
          const decoded = await decode("zstd", body, 128 << 20); // as large as the largest window
          assertEquals(decoded.ok && decoded.body.length, 2 * input.length);
          assert(decoded.ok && decoded.body.every((byte, i) => byte === input[i % input.length]));
          if (more[0] === "-1" && input === text) assertEquals(first!.contentSize, undefined);
          // A checksum that is wrong is noticed.
          if (check === "--check" && input.length > 0) {
            const wrong = frame.slice();
            wrong[wrong.length - 1]! ^= 1;
            assertEquals((await decode("zstd", wrong, 128 << 20)).ok, false);
          }
        }
      }
    }
  },
});
