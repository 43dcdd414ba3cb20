/**
 * Sends the same WebSocket message over and over on several connections, and waits until the server has answered the close
 * frame behind the last one: it has taken every message in by then. Prints `{"seconds":s}`.
 *
 * The frames are masked once, before, so that the sender costs as little as possible.
 *
 * Usage: `deno run --allow-net --allow-read bench/websocket_load.ts URL CONNECTIONS MESSAGES MESSAGE_FILE text|binary`
 */
const [url, connections, messages, messageFile, kind] = Deno.args;
if (url === undefined || connections === undefined || messages === undefined || messageFile === undefined) {
  throw new TypeError("Usage: websocket_load.ts URL CONNECTIONS MESSAGES MESSAGE_FILE text|binary");
}
/** How much is handed to the system at once. */
const WRITE = 256 * 1024;

/** What the daemon asks for signs of life with. */
const PING = 0x89;

const { hostname, port, pathname } = new URL(url);
const each = Math.ceil(Number(messages) / Number(connections));
const frame = maskedFrame(kind === "binary" ? 0x82 : 0x81, await Deno.readFile(messageFile));
const together = Math.max(1, Math.floor(WRITE / frame.length));
const block = new Uint8Array(together * frame.length);
for (let i = 0; i < together; i++) block.set(frame, i * frame.length);
const close = maskedFrame(0x88, Uint8Array.of(0x03, 0xe8));

function maskedFrame(first: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = length < 126
    ? [first, 0x80 | length]
    : length < 2 ** 16
    ? [first, 0xfe, length >> 8, length & 0xff]
    : [first, 0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  const mask = [0x12, 0x34, 0x56, 0x78];
  const bytes = new Uint8Array(head.length + 4 + length);
  bytes.set(head);
  bytes.set(mask, head.length);
  for (let i = 0; i < length; i++) bytes[head.length + 4 + i] = payload[i]! ^ mask[i & 3]!;
  return bytes;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

async function connect(): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await writeAll(
    connection,
    new TextEncoder().encode(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ),
  );
  const answer = new Uint8Array(4096);
  const read = await connection.read(answer);
  const text = new TextDecoder().decode(answer.subarray(0, read ?? 0));
  if (!text.startsWith("HTTP/1.1 101") || !text.endsWith("\r\n\r\n")) {
    throw new Error(`not upgraded: ${text}`);
  }
  return connection;
}

async function send(connection: Deno.Conn): Promise<void> {
  let left = each;
  for (; left >= together; left -= together) await writeAll(connection, block);
  await writeAll(connection, block.subarray(0, left * frame.length));
  await writeAll(connection, close);
  let answer = new Uint8Array(0);
  do {
    const more = new Uint8Array(256);
    const read = await connection.read(more);
    if (read === null) throw new Error(`not closed as asked for: ${answer}`);
    answer = Uint8Array.of(...answer, ...more.subarray(0, read));
    while (answer[0] === PING && answer.length >= 2 + answer[1]!) answer = answer.slice(2 + answer[1]!);
  } while (answer.length < 4);
  if (answer[0] !== 0x88 || answer[2] !== 0x03 || answer[3] !== 0xe8) {
    throw new Error(`not closed as asked for: ${answer}`);
  }
}

const open = await Promise.all(Array.from({ length: Number(connections) }, connect));
const start = performance.now();
await Promise.all(open.map(send));
const seconds = (performance.now() - start) / 1000;
for (const connection of open) connection.close();
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ seconds })));
