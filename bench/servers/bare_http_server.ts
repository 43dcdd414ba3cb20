/** What the daemon is measured against: a server that reads each body and answers 204, and does nothing else. */
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
  await request.arrayBuffer();
  return new Response(null, { status: 204 });
});
// The runner waits for this line.
await Deno.stderr.write(
  new TextEncoder().encode(
    `${JSON.stringify({ message: "listening", http: `http://127.0.0.1:${server.addr.port}` })}\n`,
  ),
);
