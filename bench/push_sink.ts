/**
 * Where the pushers of `refusal_bench.ts` push to while the daemon is to be undisturbed: treats them just as the daemon does, so
 * that they cost the machine the same. Answers 404 at once, reads nothing for a second, and hangs up.
 */
const LINGER = 1000;
const ANSWER = new TextEncoder().encode(
  "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
);

async function refuse(connection: Deno.TcpConn): Promise<void> {
  using _ = connection;
  try {
    await connection.read(new Uint8Array(8 * 1024));
    await connection.write(ANSWER);
    await new Promise((resolve) => setTimeout(resolve, LINGER));
  } catch {
    // The pusher went away by itself.
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const address = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
// The runner waits for this line.
await Deno.stderr.write(
  new TextEncoder().encode(`${JSON.stringify({ message: "listening", http: address })}\n`),
);
for await (const connection of listener) void refuse(connection);
