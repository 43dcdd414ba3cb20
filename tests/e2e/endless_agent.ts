import { frameChunk, type RawHeaders, RawHttp, type RawResponse } from "./raw_http.ts";

const encoder = new TextEncoder();
const PIECE = 64 * 1024;
/** Where an agent that nobody stops gives up. */
const MOST = 64 * 2 ** 20;

/** What an agent pushes. */
export interface EndlessBody {
  /** @default {"POST"} */
  readonly method?: string;
  readonly path: string;
  /** Without those that tell the body's length. */
  readonly headers?: Record<string, string>;
  /**
   * What the agent says of the body's length; nothing for a chunked one.
   *
   * @default {undefined}
   */
  readonly length?: number;
  /** What the body begins with. */
  readonly start?: string;
  /** What follows over and over. @default {"{}\n"} */
  readonly repeated?: string;
}

/** How an agent was stopped. */
export interface Stopped {
  readonly response: RawResponse;
  /** How many bytes it had written by then, those of head and chunk framing included. */
  readonly bytes: number;
  /** Whether the server ended the connection, rather than the agent given up. */
  readonly cutOff: boolean;
}

/**
 * Pushes a body without an end, as fast as it goes and whatever is answered, until the server ends the connection.
 *
 * @param url The HTTP listener.
 * @param body What is pushed.
 * @returns How it ended. The agent gives up by itself after 64 MiB.
 */
export async function pushEndlessly(url: string, body: EndlessBody): Promise<Stopped> {
  const { method = "POST", path, headers = {}, length, start = "", repeated = "{}\n" } = body;
  using http = await RawHttp.connect(url);
  const bytesOf = (text: string) => {
    const bytes = encoder.encode(text);
    return length === undefined ? frameChunk(bytes) : bytes;
  };
  const told: RawHeaders = {
    Host: "agent.example",
    ...headers,
    ...(length === undefined ? { "Transfer-Encoding": "chunked" } : { "Content-Length": `${length}` }),
  };
  const lines = [
    `${method} ${path} HTTP/1.1`,
    ...Object.entries(told).map((field) => field.join(": ")),
    "",
    "",
  ];
  const answered = http.readResponse({ timeout: 60_000 });
  answered.catch(() => {}); // awaited below
  const piece = bytesOf(repeated.repeat(Math.ceil(PIECE / repeated.length)));
  let bytes = 0;
  let cutOff = false;
  const push = async (data: Uint8Array) => {
    for (let sent = 0; sent < data.length;) {
      const written = await http.conn.write(data.subarray(sent));
      sent += written;
      bytes += written;
    }
  };
  try {
    await push(encoder.encode(lines.join("\r\n")));
    await push(bytesOf(start));
    while (bytes < MOST) await push(piece);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) {
      throw error;
    }
    cutOff = true;
  }
  return { response: await answered, bytes, cutOff };
}
