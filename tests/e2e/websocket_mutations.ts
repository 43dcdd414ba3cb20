import type { Random } from "../fixtures/random.ts";
import { concatenate, frame, OPCODE } from "./raw_websocket.ts";

/** What one client sends, in the pieces in which it does. */
export interface MutatedStream {
  readonly pieces: readonly Uint8Array[];
  readonly protocol: string;
}

/**
 * Cuts bytes.
 *
 * @param bytes The bytes.
 * @param size How large each piece is; the last one is the rest.
 * @param most The most pieces, the rest included.
 */
export function splitAt(bytes: Uint8Array, size: number, most: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (; pieces.length < most - 1 && at + size < bytes.length; at += size) {
    pieces.push(bytes.subarray(at, at + size));
  }
  return [...pieces, bytes.subarray(at)];
}

/**
 * Makes a stream of valid frames, breaks it in a few places, and cuts it anywhere.
 *
 * @param random Decides.
 */
export function mutatedStream(random: Random): MutatedStream {
  let bytes = concatenate(Array.from({ length: random.integer(1, 12) }, () => message(random)).flat());
  const mutations = random.integer(0, 4);
  for (let i = 0; i < mutations; i++) bytes = mutate(bytes, random);
  const size = random.pick([bytes.length, random.integer(1, 64), random.integer(64, 8192)]);
  return { pieces: splitAt(bytes, Math.max(1, size), 40), protocol: random.pick(["", "", "penstock.v1"]) };
}

/** The frames of one message, with control frames between them. */
function message(random: Random): Uint8Array[] {
  const isText = random.chance(0.6);
  const payload = isText ? new TextEncoder().encode(json(random)) : noise(random);
  const fragments = random.chance(0.3) ? random.integer(2, 5) : 1;
  const frames: Uint8Array[] = [];
  for (let i = 0; i < fragments; i++) {
    const part = payload.subarray(
      i * payload.length / fragments | 0,
      (i + 1) * payload.length / fragments | 0,
    );
    const mask = [0, 0, 0, 0].map(() => random.integer(0, 255));
    const opcode = i > 0 ? OPCODE.CONTINUATION : isText ? OPCODE.TEXT : OPCODE.BINARY;
    frames.push(frame(part, { opcode, fin: i === fragments - 1, mask }));
    if (random.chance(0.1)) frames.push(frame(noise(random).subarray(0, 125), { opcode: OPCODE.PING, mask }));
  }
  return frames;
}

function json(random: Random): string {
  const records = Array.from({ length: random.integer(1, 4) }, () => {
    const pad = random.pick(["", "€", "𝄞é", "x".repeat(random.integer(0, random.pick([100, 1000, 70_000])))]);
    return `{"n":${random.integer(0, 1e9)},"pad":"${pad}"}`;
  });
  return random.pick([records.join("\n"), `[${records.join(",\n")}]`, records.join(" ")]);
}

function noise(random: Random): Uint8Array {
  const bytes = new Uint8Array(random.integer(1, random.pick([10, 200, 5000, 70_000])));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.integer(0, 255);
  return bytes;
}

function mutate(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  // Heads are where it hurts, and the first one is the one that can be found.
  const at = random.chance(0.4)
    ? random.integer(0, Math.min(13, bytes.length))
    : random.integer(0, bytes.length);
  const behind = random.integer(at, Math.min(bytes.length, at + random.pick([1, 4, 16, 1000])));
  switch (random.integer(0, 5)) {
    case 0: {
      const flipped = bytes.slice();
      if (at < flipped.length) flipped[at]! ^= 1 << random.integer(0, 7);
      return flipped;
    }
    case 1: {
      const written = bytes.slice();
      written.fill(random.pick([0, 0xff, 0x7f, 0x80, random.integer(0, 255)]), at, behind);
      return written;
    }
    case 2:
      return concatenate([bytes.subarray(0, at), noise(random).subarray(0, 20), bytes.subarray(at)]);
    case 3:
      return concatenate([bytes.subarray(0, at), bytes.subarray(behind)]);
    case 4:
      return concatenate([bytes.subarray(0, behind), bytes.subarray(at)]);
    default:
      return bytes.slice(0, behind);
  }
}
