// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FrameReader } from "../../collector/frame_reader.ts";
import { closeFrame, concatenate, frame, OPCODE } from "../e2e/raw_frames.ts";
import { FrameCollector } from "./frame_collector.ts";

Deno.test("FrameReader.read() hands on no message behind a close frame, or a control frame that breaks the rules", () => {
  const ends = [
    closeFrame(1000),
    frame("", { opcode: OPCODE.CLOSE }),
    frame("", { opcode: OPCODE.PING, fin: false }),
    frame("", { opcode: OPCODE.PONG, rsv: 2 }),
    frame("", { opcode: OPCODE.PING, mask: false }),
    frame("x".repeat(126), { opcode: OPCODE.PING }),
    frame("", { opcode: 11 }),
  ];
  for (const end of ends) {
    const bytes = concatenate([
      frame("1"),
      frame("p", { opcode: OPCODE.PING }),
      frame("2"),
      end,
      frame("3".repeat(20)),
    ]);
    for (const size of [1, 5, bytes.length]) {
      const collector = new FrameCollector();
      const reader = new FrameReader(collector, Infinity);
      for (let at = 0; at < bytes.length; at += size) reader.read(bytes.slice(at, at + size));
      assertEquals(collector.messages, 2);
    }
  }
});

Deno.test("FrameReader.leftMessages counts a message that is left to the library before its last byte is left", () => {
  const fragments = [frame("1", { fin: false }), frame("", { opcode: OPCODE.CONTINUATION })];
  const bytes = concatenate([frame("0"), ...fragments, frame("2"), frame("3", { opcode: 3 }), frame("4")]);
  for (const size of [1, 5, bytes.length]) {
    const collector = new FrameCollector();
    const reader = new FrameReader(collector, Infinity);
    const counts: number[] = [];
    collector.onMessage = () => counts.push(reader.leftMessages);
    const { takeOther } = collector;
    let atLast = 0;
    collector.takeOther = (part) => {
      takeOther.call(collector, part);
      atLast = reader.leftMessages;
    };
    for (let at = 0; at < bytes.length; at += size) reader.read(bytes.slice(at, at + size));
    assertEquals([counts, atLast], [[0, 1, 2], 2], `pieces of ${size}`);
  }
});
