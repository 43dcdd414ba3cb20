// @ts-types="../types/deno_std_assert.d.ts"
import { assert } from "@std/assert";
import { copyUnmasked } from "../../collector/frame_mask.ts";
import type { FrameHandler } from "../../collector/frame_reader.ts";
import { concatenate, OPCODE } from "../e2e/raw_frames.ts";

/** A frame as it was read. */
export interface Read {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Uint8Array;
}

/** Puts what a reader hands on together again as frames, in order. */
export class FrameCollector implements FrameHandler {
  readonly frames: Read[] = [];
  readonly reasons: (string | undefined)[] = [];
  /** How many frames were messages that did not go to the library. */
  messages = 0;
  /** Is called after every message. */
  onMessage: () => void = () => {};
  #other: Uint8Array[] = [];

  takeMessage(bytes: Uint8Array, start: number, end: number, key: number, isBinary: boolean): void {
    this.finish();
    const payload = new Uint8Array(end - start);
    copyUnmasked(viewOf(bytes), start, end, key, viewOf(payload), 0);
    bytes.fill(0xee, start, end); // it may be written to
    assert(bytes.buffer.byteLength > payload.length); // or else it would be kept as it is
    this.frames.push({ opcode: isBinary ? OPCODE.BINARY : OPCODE.TEXT, fin: true, payload });
    this.messages++;
    this.onMessage();
  }

  takeControl(frame: Uint8Array, closeReason: Uint8Array | undefined): void {
    this.finish();
    this.reasons.push(closeReason && new TextDecoder().decode(closeReason));
    this.#parse(frame);
  }

  takeOther(bytes: Uint8Array): void {
    this.#other.push(bytes.slice());
  }

  /** Takes what came for the library so far for whole frames, but for the last one. */
  finish(): void {
    this.#parse(concatenate(this.#other));
    this.#other = [];
  }

  #parse(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const view = viewOf(bytes);
      const short = bytes[at + 1]! & 0x7f;
      const head = short === 127 ? 10 : short === 126 ? 4 : 2;
      const length = short === 127
        ? Number(view.getBigUint64(at + 2))
        : short === 126
        ? view.getUint16(at + 2)
        : short;
      const start = at + head + (bytes[at + 1]! & 0x80 ? 4 : 0);
      const key = bytes.subarray(at + head, start);
      const payload = bytes.slice(start, start + length).map((byte, i) => byte ^ (key[i & 3] ?? 0));
      this.frames.push({ opcode: bytes[at]! & 0x0f, fin: (bytes[at]! & 0x80) !== 0, payload });
      at = start + length;
    }
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
