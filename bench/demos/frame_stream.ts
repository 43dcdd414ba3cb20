// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import type { Batch } from "../../collector/batch.ts";
import { BoundedBuffer } from "../../collector/buffer.ts";
import type { OverloadPolicy } from "../../policies/mod.ts";

/** Options of {@linkcode streamFrames}. */
export interface StreamOptions {
  /** How many frames the camera takes. */
  readonly frames: number;
  /** How many it takes a second. */
  readonly taken: number;
  /** How many the viewer can show a second. */
  readonly shown: number;
  /** How many frames the buffer holds. */
  readonly capacity: number;
}

/** A frame that reached the viewer. */
export interface DeliveredFrame {
  /** From 0. */
  readonly number: number;
  /** When it was taken, and when the viewer had it, in seconds since the first was taken. */
  readonly taken: number;
  readonly delivered: number;
  /** How many frames had been offered to the buffer when the viewer asked for this one. */
  readonly offered: number;
}

/** What became of the frames. */
export interface StreamResult {
  readonly policy: string;
  readonly delivered: readonly DeliveredFrame[];
  /** Records of all admissions, and those evicted later: the two ways in which a policy loses some. */
  readonly dropped: number;
  readonly evicted: number;
  /** The most frames that the buffer held. */
  readonly mostHeld: number;
}

/**
 * Sends frames through a buffer to a viewer that is slower than the camera, in real time.
 *
 * @param policy Of the buffer.
 * @param options How many, and how fast.
 * @param onFrame Is told how many frames were delivered so far.
 * @returns What became of the frames, when the last one has left the buffer.
 */
export async function streamFrames(
  policy: OverloadPolicy,
  { frames, taken, shown, capacity }: StreamOptions,
  onFrame: (delivered: number) => void,
): Promise<StreamResult> {
  let mostHeld = 0;
  let offered = 0;
  let dropped = 0;
  let evicted = 0;
  let wake = () => {};
  const buffer = new BoundedBuffer({
    records: capacity,
    bytes: 2 ** 20,
    observer: {
      admitted() {
        mostHeld = Math.max(mostHeld, buffer.records);
        wake();
      },
      evicted: ({ records }) => evicted += records,
      committed() {},
      discarded() {},
    },
  });
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const producer = { signal: new AbortController().signal };
  const camera = async () => {
    for (let number = 0; number < frames; number++) {
      await delay(Math.max(0, number / taken - seconds()) * 1000);
      offered++;
      const admission = await policy.admit(buffer, frame(number), producer);
      if ("rejected" in admission) throw new Error(`frame ${number} was rejected: ${admission.rejected}`);
      dropped += admission.dropped.records;
    }
    buffer.close();
    wake();
  };
  const delivered: DeliveredFrame[] = [];
  const viewer = async () => {
    for (;;) {
      const batch = buffer.take({ records: 1, bytes: Infinity });
      if (batch !== undefined) {
        const number = new DataView(batch.data.buffer, batch.data.byteOffset).getUint32(0);
        const offeredBefore = offered;
        await delay(1000 / shown);
        delivered.push({ number, taken: number / taken, delivered: seconds(), offered: offeredBefore });
        buffer.commit();
        onFrame(delivered.length);
      } else if (buffer.closed) return;
      else await new Promise<void>((resolve) => wake = resolve);
    }
  };
  await Promise.all([camera(), viewer()]);
  return { policy: policy.name, delivered, dropped, evicted, mostHeld };
}

/** A frame is nothing but its number here. */
function frame(number: number): Batch {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, number);
  return { format: "binary", data, ends: Uint32Array.of(4) };
}
