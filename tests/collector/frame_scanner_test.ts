// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameScanner } from "../../collector/frame_scanner.ts";
import { closeFrame, concatenate, frame, OPCODE } from "../e2e/raw_frames.ts";

interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Uint8Array;
  readonly mask: readonly number[] | false;
}

/** A frame at its place in the stream. */
interface Placed extends Frame {
  readonly start: number;
  readonly headEnd: number;
  readonly end: number;
}

const isControl = ({ opcode }: Frame) => opcode >= 8;

const mask = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(...[0, 1, 2, 3].map(() => fc.nat(255))) },
  { weight: 1, arbitrary: fc.constant(false as const) },
  { weight: 1, arbitrary: fc.constant([0, 0, 0, 0]) },
);

/** At the borders where the length takes more bytes of the head, and anywhere. */
const length = fc.oneof(
  { weight: 4, arbitrary: fc.nat(40) },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 15, 16, 17, 124, 125, 126, 127) },
  { weight: 1, arbitrary: fc.constantFrom(65_534, 65_535, 65_536, 65_537) },
  { weight: 1, arbitrary: fc.nat(200_000) },
);

/** No byte of it is like its neighbours, so that one that is out of place shows. */
const payloadOf = (length: number) => Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8) + length);

const control = fc.record({
  opcode: fc.constantFrom(OPCODE.PING, OPCODE.PONG),
  fin: fc.constant(true),
  payload: fc.oneof(fc.constantFrom(0, 125), fc.nat(125)).map(payloadOf),
  mask,
});
const controls = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(control, { maxLength: 2 }));

const message = fc.tuple(
  fc.constantFrom(OPCODE.TEXT, OPCODE.BINARY),
  fc.array(fc.tuple(length, mask, controls), { minLength: 1, maxLength: 4 }),
).map(([opcode, fragments]) =>
  fragments.flatMap(([length, mask, controls], i): Frame[] => [{
    opcode: i === 0 ? opcode : OPCODE.CONTINUATION,
    fin: i === fragments.length - 1,
    payload: payloadOf(length),
    mask,
  }, ...controls])
);

/** Where to cut: so many bytes behind the beginning of some frame, which is in its head as often as not. */
const cut = fc.tuple(fc.nat(1000), fc.oneof(fc.nat(16), fc.nat(200_000)));

const stream = fc.record({
  frames: fc.array(message, { minLength: 1, maxLength: 5 }).map((messages) => messages.flat()),
  cuts: fc.array(cut, { maxLength: 20 }),
  /** Where in its memory a piece begins: words are aligned to four bytes. */
  offset: fc.nat(7),
});

function place(frames: readonly Frame[]): { bytes: Uint8Array; placed: Placed[] } {
  const pieces: Uint8Array[] = [];
  const placed: Placed[] = [];
  let start = 0;
  for (const one of frames) {
    const bytes = frame(one.payload, one);
    pieces.push(bytes);
    const end = start + bytes.length;
    placed.push({ ...one, start, headEnd: end - one.payload.length, end });
    start = end;
  }
  return { bytes: concatenate(pieces), placed };
}

/** What is to be said when everything before `at` has come, and the last piece began at `from`. */
function model(placed: readonly Placed[], from: number, at: number) {
  let announced = 0, unfinished = false, began = false, sawControl = false, inMessage = false;
  for (const one of placed) {
    if (one.start >= at) break;
    if (one.start >= from && !inMessage) began = true;
    if (one.headEnd > at) {
      unfinished = true;
      break;
    }
    const isUnderWay = one.end > at;
    if (isControl(one)) {
      if (one.headEnd > from || one.end > from) sawControl = true;
    } else {
      inMessage = isUnderWay || !one.fin;
      announced = inMessage ? announced + one.payload.length : 0;
    }
    if (isUnderWay) unfinished = true;
  }
  unfinished ||= inMessage;
  return { unfinished, announced, began: began || !unfinished, sawControl };
}

function read(scanner: FrameScanner) {
  const { unfinished, announced, began, sawControl } = scanner;
  return { unfinished, announced, began, sawControl };
}

Deno.test("FrameScanner.scan() follows any frames, cut anywhere, and leaves payloads that their key still fits", () => {
  fc.assert(
    fc.property(stream, ({ frames, cuts, offset }) => {
      const { bytes, placed } = place(frames);
      const places = cuts.map(([index, distance]) =>
        Math.min(placed[index % placed.length]!.start + distance, bytes.length)
      );
      const ends = [...new Set([...places, bytes.length])].sort((a, b) => a - b);
      const scanner = new FrameScanner();
      const scanned: Uint8Array[] = [];
      let from = 0;
      for (const at of ends) {
        const piece = new Uint8Array(offset + at - from + 3).subarray(offset, offset + at - from);
        piece.set(bytes.subarray(from, at));
        scanner.scan(piece);
        if (at > from) assertEquals(read(scanner), model(placed, from, at), `at ${from} to ${at}`);
        scanned.push(piece);
        from = at;
      }
      const whole = concatenate(scanned);
      for (const { start, headEnd, end, payload, mask } of placed) {
        const key = mask === false ? [0, 0, 0, 0] : [...whole.subarray(headEnd - 4, headEnd)];
        const left = whole.subarray(headEnd, end).map((byte, i) => byte ^ key[i & 3]!);
        const at = left.findIndex((byte, i) => byte !== payload[i]);
        assertEquals(at, -1, `byte ${at} of the payload of the frame at ${start}`);
        const head = headEnd - (mask === false ? 0 : 4);
        assertEquals(whole.subarray(start, head), bytes.subarray(start, head), `head at ${start}`);
      }
    }),
    { numRuns: 400 },
  );
});

Deno.test("FrameScanner.scan() takes the key off where the head came in one piece, and says so by a key of zeros", () => {
  const text = "a text that is long enough to be taken in words";
  const bytes = frame(text);
  new FrameScanner().scan(bytes);
  assertEquals([...bytes.subarray(2, 6)], [0, 0, 0, 0]);
  assertEquals(new TextDecoder().decode(bytes.subarray(6)), text);
});

Deno.test("FrameScanner.announced tells of lengths that no message can have", () => {
  for (const length of [2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const scanner = new FrameScanner();
    scanner.scan(frame("", { length }));
    assertEquals([scanner.announced, scanner.unfinished], [Number(length), true]);
  }
});

Deno.test("FrameScanner.closeReason is there once the close frame is whole, wherever it was cut", () => {
  for (const reason of ["", "bye", "é".repeat(61)]) {
    const bytes = concatenate([frame('{"n":1}'), closeFrame(1000, reason)]);
    for (let first = 0; first <= bytes.length; first++) {
      for (const second of [first, Math.min(first + 1, bytes.length), Math.min(first + 5, bytes.length)]) {
        const scanner = new FrameScanner();
        const ends = [first, second, bytes.length];
        let from = 0;
        for (const end of ends) {
          scanner.scan(bytes.slice(from, end));
          const expected = end === bytes.length ? new TextEncoder().encode(reason) : undefined;
          assertEquals(scanner.closeReason, expected, `${reason} cut at ${first} and ${second}`);
          from = end;
        }
      }
    }
  }
});

Deno.test("FrameScanner.closeReason of a close frame without a code is empty", () => {
  const scanner = new FrameScanner();
  assertEquals(scanner.closeReason, undefined);
  scanner.scan(frame("", { opcode: OPCODE.CLOSE }));
  assertEquals(scanner.closeReason, new Uint8Array(0));
});
