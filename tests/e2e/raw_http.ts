export {
  writeUntilBlocked,
  type WriteUntilBlockedOptions,
  type WriteUntilBlockedResult,
} from "./write_until_blocked.ts";

const encoder = new TextEncoder();
const CRLF = encoder.encode("\r\n");

/** Header fields in the order in which they are sent; names may repeat. */
export type RawHeaders = Record<string, string> | readonly (readonly [string, string])[];

/** A response as it came off the socket. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
  /** The body, without the framing of chunks. */
  readonly body: Uint8Array;
  /** Whether the body came to the end that its framing announced; if not, the server hung up before. */
  readonly complete: boolean;
  /** The body as text. */
  text(): string;
  /** The body as JSON. */
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  json(): any;
}

/** Options of {@linkcode RawHttp.readResponse}. */
export interface ReadResponseOptions {
  /**
   * How long to wait for the whole response, in milliseconds.
   *
   * @default {20000}
   */
  timeout?: number;
  /**
   * Whether the request was a HEAD, whose response has no body.
   *
   * @default {false}
   */
  head?: boolean;
}

/**
 * HTTP/1.1 over a bare TCP connection: says exactly what is sent and when, which `fetch` does not, and sees exactly what
 * comes back and how the connection ends.
 *
 * @example
 * ```ts
 * using http = await RawHttp.connect("http://127.0.0.1:4318");
 * await http.sendHead("POST", "/v1/ingest/orders", { "Content-Length": "3" });
 * await http.send("{}\n");
 * console.log((await http.readResponse()).status);
 * ```
 */
export class RawHttp implements Disposable {
  /** The connection itself, for {@linkcode writeUntilBlocked}. */
  readonly conn: Deno.TcpConn;
  readonly #host: string;
  #received = new Uint8Array(0);
  #ended: "eof" | "reset" | undefined;
  #reading: Promise<void> | undefined;
  #closed = false;

  private constructor(conn: Deno.TcpConn, host: string) {
    this.conn = conn;
    this.#host = host;
  }

  /**
   * Connects.
   *
   * @param url Any URL on the server; its path does not matter.
   */
  static async connect(url: string | URL): Promise<RawHttp> {
    const { hostname, port, host } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    conn.setNoDelay(true);
    return new RawHttp(conn, host);
  }

  /** Writes all of some bytes, or of a text as UTF-8. Waits as long as the server does not read. */
  async send(data: string | Uint8Array): Promise<void> {
    await writeAll(this.conn, typeof data === "string" ? encoder.encode(data) : data);
  }

  /** Writes the head of a request. `Host` is added unless given; nothing else is. */
  async sendHead(method: string, path: string, headers: RawHeaders = []): Promise<void> {
    const fields = Array.isArray(headers) ? [...headers] : Object.entries(headers);
    if (!fields.some(([name]) => name.toLowerCase() === "host")) fields.unshift(["Host", this.#host]);
    const lines = [
      `${method} ${path} HTTP/1.1`,
      ...fields.map(([name, value]) => `${name}: ${value}`),
      "",
      "",
    ];
    await this.send(lines.join("\r\n"));
  }

  /** Writes one piece of a body with `Transfer-Encoding: chunked`. Nothing is written of an empty one. */
  async sendChunk(data: string | Uint8Array): Promise<void> {
    await this.send(frameChunk(typeof data === "string" ? encoder.encode(data) : data));
  }

  /** Writes the end of a body with `Transfer-Encoding: chunked`. */
  async endChunks(): Promise<void> {
    await this.send("0\r\n\r\n");
  }

  /**
   * Reads the next response; interim ones (1xx) are skipped. Pipelined ones come one by one.
   *
   * @throws {Error} If it is not whole in time, or the connection ends within its head.
   */
  async readResponse(options: ReadResponseOptions = {}): Promise<RawResponse> {
    const { timeout = 20_000, head = false } = options;
    const deadline = performance.now() + timeout;
    for (;;) {
      const { status, headers } = parseHead(await this.#takeHead(deadline));
      if (status < 200 && status !== 101) continue;
      const bodiless = head || status === 101 || status === 204 || status === 304;
      const { body, complete } = bodiless
        ? { body: new Uint8Array(0), complete: true }
        : await this.#takeBody(headers, deadline);
      const text = () => new TextDecoder().decode(body);
      return { status, headers, body, complete, text, json: () => JSON.parse(text()) };
    }
  }

  /**
   * Reads and throws away until the server has ended the connection.
   *
   * @returns How: `eof` after a regular end, `reset` after RST.
   * @throws {Error} If it does not in time.
   */
  async readToEnd(timeout: number = 20_000): Promise<"eof" | "reset"> {
    const deadline = performance.now() + timeout;
    while (await this.#more(deadline)) this.#received = new Uint8Array(0);
    return this.#ended!;
  }

  /** Closes the connection. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.conn.close();
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #takeHead(deadline: number): Promise<string> {
    for (;;) {
      const end = indexOfHeadEnd(this.#received);
      if (end !== -1) return new TextDecoder().decode(this.#take(end));
      if (!await this.#more(deadline)) {
        throw new Error(
          `Connection ended (${this.#ended}) before a whole response head: ${
            JSON.stringify(new TextDecoder().decode(this.#received))
          }`,
        );
      }
    }
  }

  async #takeBody(headers: Headers, deadline: number): Promise<{ body: Uint8Array; complete: boolean }> {
    if (/\bchunked\b/i.test(headers.get("transfer-encoding") ?? "")) return await this.#takeChunks(deadline);
    const announced = headers.get("content-length");
    const length = announced === null ? Infinity : Number(announced);
    while (this.#received.length < length && await this.#more(deadline));
    const body = this.#take(Math.min(length, this.#received.length));
    return { body, complete: announced === null ? this.#ended === "eof" : body.length === length };
  }

  async #takeChunks(deadline: number): Promise<{ body: Uint8Array; complete: boolean }> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let complete = false;
    for (;;) {
      const line = await this.#takeLine(deadline);
      if (line === undefined) break;
      const size = parseInt(line, 16);
      if (!(size >= 0)) throw new Error(`Malformed chunk size ${JSON.stringify(line)}`);
      if (size === 0) {
        // Trailers, up to an empty line.
        for (let trailer; (trailer = await this.#takeLine(deadline)) !== undefined;) {
          if (trailer === "") complete = true;
          if (complete) break;
        }
        break;
      }
      while (this.#received.length < size + 2 && await this.#more(deadline));
      pieces.push(this.#take(Math.min(size, this.#received.length)));
      if (this.#received.length < 2) break;
      this.#take(2);
    }
    return { body: await new Blob(pieces).bytes(), complete };
  }

  async #takeLine(deadline: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#received.indexOf(0x0a);
      if (end !== -1) return new TextDecoder().decode(this.#take(end + 1)).trimEnd();
      if (!await this.#more(deadline)) return undefined;
    }
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  /** Waits until more has been received, or the connection has ended: then `false`. */
  async #more(deadline: number): Promise<boolean> {
    if (this.#ended !== undefined) return false;
    // A read that a timeout left behind goes on, and what it brings is not lost.
    this.#reading ??= this.#readOnce().finally(() => this.#reading = undefined);
    await within(this.#reading, deadline - performance.now(), "more of a response");
    return this.#ended === undefined;
  }

  async #readOnce(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      const n = await this.conn.read(buffer);
      if (n === null) this.#ended = "eof";
      else this.#received = await new Blob([this.#received, buffer.subarray(0, n)]).bytes();
    } catch (error) {
      if (!isConnectionEnd(error)) throw error;
      this.#ended = "reset";
    }
  }
}

/** Frames bytes as one chunk of `Transfer-Encoding: chunked`; an empty one would end the body and gives nothing. */
export function frameChunk(data: Uint8Array): Uint8Array {
  if (data.length === 0) return data;
  const size = encoder.encode(data.length.toString(16) + "\r\n");
  const framed = new Uint8Array(size.length + data.length + 2);
  framed.set(size);
  framed.set(data, size.length);
  framed.set(CRLF, size.length + data.length);
  return framed;
}

async function writeAll(conn: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let written = 0; written < data.length;) written += await conn.write(data.subarray(written));
}

function indexOfHeadEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(0x0d); at !== -1; at = bytes.indexOf(0x0d, at + 1)) {
    if (bytes[at + 1] === 0x0a && bytes[at + 2] === 0x0d && bytes[at + 3] === 0x0a) return at + 4;
  }
  return -1;
}

function parseHead(text: string): { status: number; headers: Headers } {
  const [first, ...lines] = text.trimEnd().split("\r\n");
  const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first!);
  if (match === null) throw new Error(`Malformed status line ${JSON.stringify(first)}`);
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(match[1]), headers };
}

async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited in vain for ${what}`)), Math.max(ms, 0));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    // Whoever comes too late must not be an unhandled rejection, when the connection is closed under it.
    promise.catch(() => {});
  }
}

function isConnectionEnd(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted;
}
