// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameReader } from "../../collector/frame_reader.ts";
import { closeFrame, concatenate, frame, OPCODE } from "../e2e/raw_frames.ts";
import { FrameCollector } from "./frame_collector.ts";

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

const key = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(...[0, 1, 2, 3].map(() => fc.nat(255))) },
  { weight: 1, arbitrary: fc.constant([0, 0, 0, 0]) },
);
const mask = fc.oneof({ weight: 9, arbitrary: key }, { weight: 1, arbitrary: fc.constant(false as const) });

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
  mask: key, // without one nothing behind it counts
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

const LARGEST_OWN = 64 * 1024;

/** Which frames are messages of one frame that the library need not see. */
function isOwn(placed: readonly Placed[], index: number): boolean {
  const { opcode, fin, mask, payload } = placed[index]!;
  return fin && opcode !== OPCODE.CONTINUATION && !isControl(placed[index]!) && mask !== false &&
    payload.length <= LARGEST_OWN;
}

/** What is to be said when everything before `at` has come, and the last piece began at `from`. */
function model(placed: readonly Placed[], from: number, at: number) {
  let announced = 0, unfinished = false, began = false, inMessage = false, leaves = false;
  for (const [index, one] of placed.entries()) {
    if (one.start >= at) break;
    if (one.start >= from && !inMessage) began = true;
    if (one.headEnd > at) {
      unfinished = true;
      break;
    }
    const isUnderWay = one.end > at;
    if (!isControl(one)) {
      inMessage = isUnderWay || !one.fin;
      announced = inMessage ? announced + one.payload.length : 0;
      leaves = inMessage && !isOwn(placed, index);
    }
    if (isUnderWay) unfinished = true;
  }
  unfinished ||= inMessage;
  return { unfinished, announced, began: began || !unfinished, leaves };
}

function stateOf({ unfinished, announced, began, leaves }: FrameReader) {
  return { unfinished, announced, began, leaves };
}

Deno.test("FrameReader.read() hands on any frames, cut anywhere, in order and without their masks", () => {
  let own = 0, left = 0;
  fc.assert(
    fc.property(stream, ({ frames, cuts, offset }) => {
      const { bytes, placed } = place(frames);
      const places = cuts.map(([index, distance]) =>
        Math.min(placed[index % placed.length]!.start + distance, bytes.length)
      );
      const ends = [...new Set([...places, bytes.length])].sort((a, b) => a - b);
      const collector = new FrameCollector();
      const reader = new FrameReader(collector, Infinity);
      let from = 0;
      for (const at of ends) {
        const piece = new Uint8Array(offset + at - from + 3).subarray(offset, offset + at - from);
        piece.set(bytes.subarray(from, at));
        reader.read(piece);
        if (at > from) assertEquals(stateOf(reader), model(placed, from, at), `at ${from} to ${at}`);
        piece.fill(0xdd); // nobody may still need it, but who was left it, and has copied it
        from = at;
      }
      collector.finish();
      assertEquals(collector.frames.length, placed.length);
      for (const [index, { opcode, fin, payload }] of placed.entries()) {
        const read = collector.frames[index]!;
        assertEquals([read.opcode, read.fin, read.payload.length], [opcode, fin, payload.length]);
        const wrong = read.payload.findIndex((byte, i) => byte !== payload[i]);
        assertEquals(wrong, -1, `byte of the payload of frame ${index}`);
      }
      const expected = placed.filter((_, index) => isOwn(placed, index)).length;
      assertEquals(collector.messages, expected);
      own += expected;
      left += placed.length - expected;
    }),
    { numRuns: 400 },
  );
  assert(own > 100 && left > 100, `${own} and ${left}`);
});

Deno.test("FrameReader.read() leaves every message to the library where it is asked to, with its key set to zero", () => {
  const collector = new FrameCollector();
  const reader = new FrameReader(collector, -1);
  const text = "a text that is long enough to be taken in words";
  const bytes = frame(text);
  reader.read(bytes);
  collector.finish();
  assertEquals(collector.messages, 0);
  assertEquals(collector.frames.map(({ payload }) => new TextDecoder().decode(payload)), [text]);
  assertEquals([...bytes.subarray(2, 6)], [0, 0, 0, 0]);
});

Deno.test("FrameReader.read() leaves frames that break the rules to the library, as they are but for the mask", () => {
  const cases = [
    frame("x", { opcode: 3 }),
    frame("x", { opcode: 11 }),
    frame("x", { rsv: 4 }),
    frame("x", { mask: false }),
    frame("y".repeat(126), { opcode: OPCODE.PING }),
  ];
  for (const bytes of cases) {
    const collector = new FrameCollector();
    new FrameReader(collector, Infinity).read(bytes.slice());
    assertEquals(collector.messages, 0);
    collector.finish();
    assertEquals(collector.frames.map(({ opcode }) => opcode), [bytes[0]! & 0x0f]);
  }
});

Deno.test("FrameReader.read() leaves a message to the library that comes between the fragments of another", () => {
  const collector = new FrameCollector();
  const reader = new FrameReader(collector, Infinity);
  reader.read(
    concatenate([frame("a", { fin: false }), frame("b"), frame("c", { opcode: OPCODE.CONTINUATION })]),
  );
  assertEquals(collector.messages, 0);
});

Deno.test("FrameReader.read() leaves a message to the library that is larger than any may be", () => {
  const collector = new FrameCollector();
  const reader = new FrameReader(collector, 10);
  reader.read(concatenate([frame("x".repeat(10)), frame("x".repeat(11)), frame("y")]));
  assertEquals(collector.messages, 2);
  assertEquals(collector.frames.map(({ payload }) => payload.length), [10, 11, 1]);
});

Deno.test("FrameReader.skipMessages() hands on no message any more, but what is the library's, from the middle of a piece too", () => {
  for (const cut of [0, 3, 20, 60]) {
    const collector = new FrameCollector();
    const reader = new FrameReader(collector, Infinity);
    const bytes = concatenate([
      frame("1"),
      frame("2".repeat(40)),
      frame("a", { fin: false }),
      frame("b", { opcode: OPCODE.CONTINUATION }),
      frame("3"),
      closeFrame(1000),
    ]);
    collector.onMessage = () => reader.skipMessages();
    reader.read(bytes.slice(0, cut));
    reader.read(bytes.slice(cut));
    collector.finish();
    assertEquals(collector.messages, 1, `cut at ${cut}`);
    assertEquals(collector.frames.map(({ opcode }) => opcode), [1, 1, 0, OPCODE.CLOSE]);
    assertEquals(reader.unfinished, false);
  }
});

Deno.test("FrameReader.announced tells of lengths that no message can have", () => {
  for (const length of [2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const reader = new FrameReader(new FrameCollector(), Infinity);
    reader.read(frame("", { length }));
    assertEquals([reader.announced, reader.unfinished], [Number(length), true]);
  }
});

Deno.test("FrameReader.read() tells the reason of a close frame with the frame, wherever that was cut", () => {
  for (const reason of ["", "bye", "é".repeat(61)]) {
    const bytes = concatenate([frame('{"n":1}'), closeFrame(1000, reason)]);
    for (let first = 0; first <= bytes.length; first++) {
      for (const second of [first, Math.min(first + 1, bytes.length), Math.min(first + 5, bytes.length)]) {
        const collector = new FrameCollector();
        const reader = new FrameReader(collector, Infinity);
        let from = 0;
        for (const end of [first, second, bytes.length]) {
          reader.read(bytes.slice(from, end));
          assertEquals(collector.reasons.length, end === bytes.length ? 1 : 0);
          from = end;
        }
        assertEquals(collector.reasons, [reason], `cut at ${first} and ${second}`);
        assertEquals(collector.frames.at(-1)!.payload.length, 2 + new TextEncoder().encode(reason).length);
      }
    }
  }
});

Deno.test("FrameReader.read() takes the reason of a close frame without a code for empty, and that of a ping for none", () => {
  const collector = new FrameCollector();
  new FrameReader(collector, Infinity).read(
    concatenate([frame("p", { opcode: OPCODE.PING }), frame("", { opcode: OPCODE.CLOSE })]),
  );
  assertEquals(collector.reasons, [undefined, ""]);
});
