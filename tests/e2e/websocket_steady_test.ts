// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";

const BODY_TIMEOUT = 500;
/** More than the generations of deadlines need to end a message that is not finished: twice the timeout. */
const SENDING_TIME = 8 * BODY_TIMEOUT;
const FRAME = 200_001;

/** A frame of its own message, masked with zeros. */
function binaryFrame(): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(14 + FRAME);
  frame.set([0x82, 0x80 | 127]);
  new DataView(frame.buffer).setBigUint64(2, BigInt(FRAME));
  return frame;
}

Deno.test("limits.bodyTimeout is for one message: a client that sends one after the other without a pause is not late", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      limits: { bodyTimeout: BODY_TIMEOUT },
      sources: { "*": { policy: "drop_newest" } },
      sinks: { out: { type: "stdout" } }, // which leads nowhere: a file would be gigabytes
    },
  });
  const { hostname, port } = new URL(daemon.websocketUrl!);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head =
    `GET /v1/ingest/cam HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  await connection.write(new TextEncoder().encode(head));
  const answer = new Uint8Array(4096);
  const length = await connection.read(answer);
  assert(new TextDecoder().decode(answer.subarray(0, length!)).startsWith("HTTP/1.1 101 "));

  // Several at once, so that a read of the daemon's hardly ever ends where a message does.
  const frames = await new Blob(Array(5).fill(binaryFrame())).bytes();
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < SENDING_TIME) {
    for (let at = 0; at < frames.length;) at += await connection.write(frames.subarray(at));
    sent += 5;
  }
  // A masked close frame without a code; the daemon has read all before it when it answers.
  await connection.write(new Uint8Array([0x88, 0x80, 0, 0, 0, 0]));
  assertGreater(await connection.read(answer), 1);
  assertEquals([...answer.subarray(0, 2)], [0x88, 0]); // an answer without a code, not one of the daemon's own
  const { ledger } = (await daemon.statusJson()).sources.cam;
  assertEquals(ledger.received.records, sent);
});
