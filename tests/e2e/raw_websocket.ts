import { frame, type FrameOptions, OPCODE } from "./raw_frames.ts";

export { closeFrame, concatenate, frame, type FrameOptions, OPCODE } from "./raw_frames.ts";
export {
  writeUntilBlocked,
  type WriteUntilBlockedOptions,
  type WriteUntilBlockedResult,
} from "./write_until_blocked.ts";

const decoder = new TextDecoder();

/** How long is waited for the server, in milliseconds, unless the caller says otherwise. */
const TIMEOUT = 20_000;

/** Options of {@linkcode RawWebSocket.connect}. */
export interface RawWebSocketOptions {
  /** Value of `Sec-WebSocket-Protocol`; by default none is offered. */
  protocol?: string;
  /** More headers, or others in place of those of the handshake; an empty one is left out. */
  headers?: Record<string, string>;
  /**
   * How long the handshake may take, in milliseconds.
   *
   * @default {20000}
   */
  timeout?: number;
}

/** A frame that the server sent. */
export interface ServerFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** How a connection came to its end. */
export interface CloseReport {
  /** The code of the server's close frame; 1005 if it gave none, 1006 if there was no close frame at all. */
  readonly code: number;
  /** The reason in it. */
  readonly reason: string;
}

/** The headers of a handshake that a server has to accept. */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==",
};

/**
 * A WebSocket client over a bare TCP connection: says exactly which bytes are sent and when, breaks the protocol where it is
 * told to, reads only when it is asked to, and sees how the connection ends.
 *
 * @example
 * ```ts
 * using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/orders`);
 * await websocket.send('{"n":1}');
 * await websocket.send("{", { fin: false });
 * await websocket.send("}", { opcode: OPCODE.CONTINUATION });
 * ```
 */
export class RawWebSocket implements Disposable {
  /** The connection itself, for {@linkcode writeUntilBlocked}. */
  readonly conn: Deno.TcpConn;
  #protocol = "";
  #extensions = "";
  #received = new Uint8Array(0);
  #ended: "eof" | "reset" | undefined;
  #reading: Promise<void> | undefined;
  #isClosed = false;

  private constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  /**
   * Connects and upgrades.
   *
   * @param url Where to, `ws:` or `http:`.
   * @param options See there.
   * @throws {Error} If the answer is not 101, with its status line and body. To look at such an answer, use `RawHttp`.
   */
  static async connect(url: string | URL, options: RawWebSocketOptions = {}): Promise<RawWebSocket> {
    const { protocol = "", headers = {}, timeout = TIMEOUT } = options;
    const { hostname, port, host, pathname, search } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    const websocket = new RawWebSocket(conn);
    try {
      conn.setNoDelay(true);
      const fields = { Host: host, ...HANDSHAKE, "Sec-WebSocket-Protocol": protocol, ...headers };
      const lines = Object.entries(fields).filter(([, value]) => value !== "").map((field) =>
        field.join(": ")
      );
      await websocket.sendRaw([`GET ${pathname}${search} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
      await websocket.#accept(timeout);
      return websocket;
    } catch (error) {
      websocket.close();
      throw error;
    }
  }

  /** The subprotocol that the server chose; empty if none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The extensions that the server agreed to; empty if none. */
  get extensions(): string {
    return this.#extensions;
  }

  /** Writes one frame, by default a whole message. Waits as long as the server does not read. */
  async send(payload: string | Uint8Array, options: FrameOptions = {}): Promise<void> {
    await this.sendRaw(frame(payload, options));
  }

  /** Writes bytes as they are, a text as UTF-8. Waits as long as the server does not read. */
  async sendRaw(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /**
   * Reads the next frame, whatever it is. Pings are not answered.
   *
   * @returns The frame; nothing once the connection has ended.
   * @throws {Error} If none comes in time, or it breaks the protocol.
   */
  async readFrame(timeout: number = TIMEOUT): Promise<ServerFrame | undefined> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const found = parseFrame(this.#received);
      if (found !== undefined) {
        this.#received = this.#received.slice(found.bytes);
        return found;
      }
      if (!await this.#more(deadline)) return undefined;
    }
  }

  /**
   * Reads the next text message as JSON. Pings that come before are answered.
   *
   * @throws {Error} If none comes in time, or anything else does.
   */
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  async readJson(timeout: number = TIMEOUT): Promise<any> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const next = await this.readFrame(deadline - performance.now());
      if (next?.opcode === OPCODE.TEXT) return JSON.parse(decoder.decode(next.payload));
      if (next?.opcode === OPCODE.PING) await this.send(next.payload, { opcode: OPCODE.PONG });
      else throw new Error(`A text was expected, but there came ${describe(next)}`);
    }
  }

  /**
   * Reads and throws away until a close frame or the end of the connection, however that comes about.
   *
   * @throws {Error} If neither comes in time.
   */
  async readClose(timeout: number = TIMEOUT): Promise<CloseReport> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const next = await this.readFrame(deadline - performance.now());
      if (next === undefined) return { code: 1006, reason: "" };
      if (next.opcode === OPCODE.CLOSE) return parseClose(next.payload);
    }
  }

  /**
   * Reads and throws away until the server has ended the connection.
   *
   * @returns How: `eof` after a regular end, `reset` after RST.
   * @throws {Error} If it does not in time.
   */
  async readToEnd(timeout: number = TIMEOUT): Promise<"eof" | "reset"> {
    const deadline = performance.now() + timeout;
    while (await this.#more(deadline)) this.#received = new Uint8Array(0);
    return this.#ended!;
  }

  /** Closes the TCP connection, without a close frame. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.conn.close();
  }

  /** Closes the TCP connection, without a close frame. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #accept(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const text = decoder.decode(this.#received);
      const end = text.indexOf("\r\n\r\n");
      const isAccepted = text.startsWith("HTTP/1.1 101 ");
      if (isAccepted && end !== -1) {
        this.#received = this.#received.slice(end + 4);
        const header = (name: string) =>
          new RegExp(`^${name}: *(.*?) *$`, "im").exec(text.slice(0, end))?.[1] ?? "";
        this.#protocol = header("sec-websocket-protocol");
        this.#extensions = header("sec-websocket-extensions");
        return;
      }
      if (!await this.#more(deadline)) throw new Error(`Cannot upgrade, the answer was: ${text}`);
    }
  }

  /** Waits until more has been received, or the connection has ended: then `false`. */
  async #more(deadline: number): Promise<boolean> {
    if (this.#ended !== undefined) return false;
    // A read that a timeout left behind goes on, and what it brings is not lost.
    this.#reading ??= this.#readOnce().finally(() => this.#reading = undefined);
    const late = Promise.withResolvers<never>();
    const report = () => late.reject(new Error("Waited in vain for more of what the server sends"));
    const timer = setTimeout(report, Math.max(deadline - performance.now(), 0));
    this.#reading.catch(() => {}); // when the connection is closed under it
    try {
      await Promise.race([this.#reading, late.promise]);
    } finally {
      clearTimeout(timer);
    }
    return this.#ended === undefined;
  }

  async #readOnce(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      const n = await this.conn.read(buffer);
      if (n === null) this.#ended = "eof";
      else this.#received = await new Blob([this.#received, buffer.subarray(0, n)]).bytes();
    } catch (error) {
      const { BrokenPipe, ConnectionReset, ConnectionAborted } = Deno.errors;
      if (![BrokenPipe, ConnectionReset, ConnectionAborted].some((end) => error instanceof end)) throw error;
      this.#ended = "reset";
    }
  }
}

/** Takes the first frame out of what was received; nothing while it is not whole. */
function parseFrame(bytes: Uint8Array<ArrayBuffer>): (ServerFrame & { readonly bytes: number }) | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = bytes as unknown as [number, number];
  if ((second & 0x80) !== 0) throw new Error("The server masks its frames, which it must not");
  const lengthBytes = { 126: 2, 127: 8 }[second] ?? 0;
  const head = 2 + lengthBytes;
  if (bytes.length < head) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = lengthBytes === 0
    ? second
    : lengthBytes === 2
    ? view.getUint16(2)
    : Number(view.getBigUint64(2));
  if (bytes.length < head + length) return undefined;
  const payload = bytes.slice(head, head + length);
  return { opcode: first & 0x0f, fin: (first & 0x80) !== 0, payload, bytes: head + length };
}

function parseClose(payload: Uint8Array<ArrayBuffer>): CloseReport {
  if (payload.length < 2) return { code: 1005, reason: "" };
  return { code: new DataView(payload.buffer).getUint16(0), reason: decoder.decode(payload.subarray(2)) };
}

function describe(next: ServerFrame | undefined): string {
  if (next === undefined) return "the end of the connection";
  if (next.opcode !== OPCODE.CLOSE) return `a frame with opcode ${next.opcode}`;
  return `a close frame: ${JSON.stringify(parseClose(next.payload))}`;
}
