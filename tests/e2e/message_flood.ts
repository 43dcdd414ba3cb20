import { numbered } from "./numbered_records.ts";
import { concatenate, frame, OPCODE, RawWebSocket } from "./raw_websocket.ts";
import { waitFor } from "../wait_for.ts";

/** How many messages are written at once. */
const PER_WRITE = 64;

/** How long not one byte has to be written for a client to be taken for blocked, in milliseconds. */
const IDLE = 1000;

/** Options of {@linkcode MessageFlood.start}. */
export interface MessageFloodOptions {
  /**
   * The number of the first message; consecutive ones follow.
   *
   * @default {0}
   */
  from?: number;
  /**
   * Bytes of each message; at least 32.
   *
   * @default {200}
   */
  bytes?: number;
  /**
   * Whether the client speaks `penstock.v1`: it then sends no more than its credit, and counts acknowledgements.
   *
   * @default {false}
   */
  acknowledged?: boolean;
}

/** A client that writes numbered text messages as fast as it can until it is told to stop, and counts what it wrote. */
export class MessageFlood implements Disposable {
  readonly websocket: RawWebSocket;
  readonly #options: Required<MessageFloodOptions>;
  #bytes = 0;
  #messages = 0;
  #acknowledged = 0;
  #accepted = 0;
  #credit = Infinity;
  #pong: Uint8Array | undefined;
  #more: () => void = () => {};
  #isStopping = false;
  #done: Promise<void> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();

  private constructor(websocket: RawWebSocket, options: Required<MessageFloodOptions>) {
    this.websocket = websocket;
    this.#options = options;
  }

  /**
   * Connects, and begins to write.
   *
   * @param url The URL of a source.
   * @param options See there.
   */
  static async start(url: string, options: MessageFloodOptions = {}): Promise<MessageFlood> {
    const { from = 0, bytes = 200, acknowledged = false } = options;
    const websocket = await RawWebSocket.connect(url, acknowledged ? { protocol: "penstock.v1" } : {});
    const flood = new MessageFlood(websocket, { from, bytes, acknowledged });
    if (acknowledged) {
      flood.#credit = (await websocket.readJson()).credit;
      flood.#reading = flood.#readAcks();
      flood.#reading.catch(() => {}); // told by `untilAcknowledged()`
    }
    flood.#done = flood.#write();
    flood.#done.catch(() => {}); // whoever wants to know waits for `stop()`
    return flood;
  }

  /** How many bytes the system took. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many messages were begun to be written. */
  get messages(): number {
    return this.#messages;
  }

  /** Up to which message all were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** How many records were said to be kept. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many messages may be under way. */
  get credit(): number {
    return this.#credit;
  }

  /** Waits until the system has not taken a single byte for a second. */
  async untilBlocked(timeout: number = 60_000): Promise<void> {
    let bytes = -1;
    let since = performance.now();
    await waitFor(() => {
      if (bytes !== this.#bytes) since = performance.now();
      bytes = this.#bytes;
      return performance.now() - since >= IDLE;
    }, { what: "the client to be blocked", timeout });
  }

  /** Begins no further write. Resolves when the last one, which may be blocked, is done. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#more();
    await this.#done;
  }

  /** Waits until everything that was sent is acknowledged. */
  async untilAcknowledged(timeout: number = 60_000): Promise<void> {
    const all = waitFor(() => this.#acknowledged === this.#messages, {
      what: "all acknowledgements",
      timeout,
    });
    const failed = this.#reading.then(() => all); // it ends only if the connection does
    await Promise.race([all, failed]);
  }

  /** Ends the connection. */
  [Symbol.dispose](): void {
    this.#isStopping = true;
    this.#more();
    this.websocket.close();
  }

  async #write(): Promise<void> {
    const { from, bytes } = this.#options;
    while (!this.#isStopping) {
      if (this.#pong !== undefined) {
        // Here and not where the ping was read, because it must not come in the middle of another frame.
        const pong = frame(this.#pong, { opcode: OPCODE.PONG });
        this.#pong = undefined;
        await this.websocket.sendRaw(pong);
      }
      const room = this.#credit - (this.#messages - this.#acknowledged);
      const count = Math.min(PER_WRITE, room);
      if (count === 0) {
        await new Promise<void>((resolve) => this.#more = resolve);
        continue;
      }
      const first = from + this.#messages;
      this.#messages += count;
      const piece = concatenate(Array.from({ length: count }, (_, i) => frame(textOf(first + i, bytes))));
      for (let at = 0; at < piece.length;) {
        const written = await this.websocket.conn.write(piece.subarray(at));
        at += written;
        this.#bytes += written;
      }
    }
  }

  async #readAcks(): Promise<void> {
    for (;;) {
      // However long the sink is stalled, and the test goes on.
      const reply = await this.websocket.readFrame(2 ** 30);
      if (reply === undefined || reply.opcode === OPCODE.CLOSE) return;
      if (reply.opcode === OPCODE.PING) this.#pong = reply.payload;
      if (reply.opcode === OPCODE.TEXT) this.#note(JSON.parse(new TextDecoder().decode(reply.payload)));
      this.#more();
    }
  }

  #note({ type, seq, accepted, credit }: Record<string, unknown>): void {
    if (type !== "ack") throw new TypeError(`An ack was expected, but there came '${type}'`);
    this.#acknowledged = Number(seq);
    this.#accepted += Number(accepted);
    this.#credit = Number(credit);
  }
}

/** A text, not bytes, because that makes it a text message. */
function textOf(n: number, bytes: number): string {
  return new TextDecoder().decode(numbered(n, n + 1, bytes));
}
