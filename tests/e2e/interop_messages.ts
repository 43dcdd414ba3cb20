// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";

/** What messages are: text with a record, or frames. */
export type MessageKind = "text" | "binary";

const encoder = new TextEncoder();

/**
 * Makes a message that carries its number. `interop_client.py` makes the same.
 *
 * @param kind What it is.
 * @param n Its number.
 */
export function messageOf(kind: MessageKind, n: number): string | Uint8Array<ArrayBuffer> {
  if (kind === "text") return `{"n":${n},"pad":"${"é€𝄞".repeat(n % 40)}"}`;
  const frame = new Uint8Array(4 + (n % 500 === 499 ? 70_000 : n % 300)).fill(n & 255);
  new DataView(frame.buffer).setUint32(0, n);
  return frame;
}

/** What is in the files once all of them are. */
export async function filesOf(kind: MessageKind, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: (string | Uint8Array<ArrayBuffer>)[] = [];
  for (let n = 0; n < count; n++) {
    const message = messageOf(kind, n);
    if (typeof message === "string") parts.push(message, "\n");
    else {
      const prefix = new Uint8Array(4);
      new DataView(prefix.buffer).setUint32(0, message.length);
      parts.push(prefix, message);
    }
  }
  return await new Blob(parts).bytes();
}

/** What `WebSocket` of the browsers, and clients that are made like it, have in common. */
export interface StandardClient {
  readonly protocol: string;
  readonly bufferedAmount: number;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "close", listener: (event: { code: number }) => void): void;
  close(code: number): void;
}

/** How a client sends one message. */
export type Send = (message: string | Uint8Array<ArrayBuffer>) => void;

/**
 * Sends numbered messages, with as much under way as the credit allows where the client has the subprotocol, and closes.
 *
 * @param client A client that is about to connect.
 * @param send How it sends a message.
 * @param kind What the messages are.
 * @param count How many.
 */
export async function sendNumbered(
  client: StandardClient,
  send: Send,
  kind: MessageKind,
  count: number,
): Promise<void> {
  const closed = Promise.withResolvers<number>();
  client.addEventListener("close", ({ code }) => closed.resolve(code));
  client.addEventListener("error", () => {}); // `close` follows
  const hasProtocol = () => client.protocol === "penstock.v1";
  let sent = 0, acked = 0, accepted = 0, credit = 0;
  const sendOn = () => {
    while (sent < count && sent - acked < credit) send(messageOf(kind, sent++));
    if (sent === count && (acked === count || !hasProtocol())) client.close(1000);
  };
  client.addEventListener("open", () => {
    if (hasProtocol()) return;
    credit = count;
    sendOn();
  });
  let failure: unknown;
  client.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data));
    if (message.type === "ack") {
      acked = message.seq;
      accepted += message.accepted;
    } else if (message.type !== "hello") {
      failure ??= message;
      client.close(1000);
      return;
    }
    credit = message.credit;
    sendOn();
  });
  assertEquals([await closed.promise, failure], [1000, undefined]);
  assertEquals(sent, count);
  if (hasProtocol()) assertEquals([acked, accepted], [count, count]);
}

/** Cuts a message in fragments, a text in the middle of characters too. */
export function fragmentsOf(message: string | Uint8Array, count: number): Uint8Array[] {
  const bytes = typeof message === "string" ? encoder.encode(message) : message;
  return Array.from(
    { length: count },
    (_, i) => bytes.subarray(i * bytes.length / count | 0, (i + 1) * bytes.length / count | 0),
  );
}
