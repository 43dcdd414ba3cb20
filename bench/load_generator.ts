/**
 * A small closed-loop load generator for where `wrk` is not installed: as many connections as asked for, each sends the
 * same request again as soon as the answer to the last one is there. Prints `{"requests":n,"seconds":s,"failed":n}`.
 *
 * Usage: `deno run --allow-net bench/load_generator.ts URL CONNECTIONS SECONDS BODY_FILE [CONTENT_TYPE]`
 */
const [url, connections, seconds, bodyFile, contentType = "application/x-ndjson"] = Deno.args;
if (url === undefined || connections === undefined || seconds === undefined || bodyFile === undefined) {
  throw new TypeError("Usage: load_generator.ts URL CONNECTIONS SECONDS BODY_FILE");
}
const { hostname, port, pathname } = new URL(url);
const body = await Deno.readFile(bodyFile);
const head = new TextEncoder().encode(
  `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n`,
);
const request = new Uint8Array(head.length + body.length);
request.set(head);
request.set(body, head.length);

const end = performance.now() + Number(seconds) * 1000;
let requests = 0;
let failed = 0;

async function run(): Promise<void> {
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const answer = new Uint8Array(4096);
  const decoder = new TextDecoder();
  while (performance.now() < end) {
    for (let sent = 0; sent < request.length;) sent += await connection.write(request.subarray(sent));
    let text = "";
    for (;;) {
      const read = await connection.read(answer);
      if (read === null) throw new Error("the server closed the connection");
      text += decoder.decode(answer.subarray(0, read));
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) continue;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (text.length >= headEnd + 4 + length) break;
    }
    if (text.startsWith("HTTP/1.1 2")) requests++;
    else failed++;
  }
}

const start = performance.now();
await Promise.all(Array.from({ length: Number(connections) }, run));
const taken = (performance.now() - start) / 1000;
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ requests, seconds: taken, failed })));
