/**
 * A part of `refusal_bench.ts`, as a process of its own so that it neither slows the measuring agents' event loop nor is slowed by
 * it: pushers that each connect to one of two addresses, begin a body of a tebibyte, write as fast as it goes, and start over
 * so many times a second: whether they have been cut off by then or have to give up by themselves. Reads `daemon`, `sink` or `stop` on standard input, one a line, and
 * prints a line of JSON for what came of the time since the last one.
 *
 * Usage: `deno run --allow-net bench/endless_pushers.ts DAEMON_URL SINK_URL PUSHERS PER_SECOND`
 */
const [daemon, sink, pushers, perSecond] = Deno.args;
if (daemon === undefined || sink === undefined || pushers === undefined || perSecond === undefined) {
  throw new TypeError("Usage: endless_pushers.ts DAEMON_URL SINK_URL PUSHERS PER_SECOND");
}
const targets: Record<string, URL> = { daemon: new URL(daemon), sink: new URL(sink) };
const interval = 1000 / Number(perSecond);
const piece = new Uint8Array(64 * 1024).fill(0x20);

let target = targets["sink"]!;
let pushing = true;
let refused = 0;
let mostBytes = 0;

function head({ host, pathname }: URL): Uint8Array {
  const lines = [`POST ${pathname} HTTP/1.1`, `Host: ${host}`, `Content-Length: ${2 ** 40}`, "", ""];
  return new TextEncoder().encode(lines.join("\r\n"));
}

async function push(url: URL): Promise<void> {
  const connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  let open = true;
  const close = () => {
    if (open) connection.close();
    open = false;
  };
  const timer = setTimeout(close, interval);
  let bytes = 0;
  try {
    bytes += await connection.write(head(url));
    while (open) bytes += await connection.write(piece);
  } catch {
    // Cut off, or closed while a write was blocked.
  } finally {
    clearTimeout(timer);
    close();
  }
  refused++;
  mostBytes = Math.max(mostBytes, bytes);
}

async function run(): Promise<void> {
  while (pushing) {
    const start = performance.now();
    await push(target);
    const rest = interval - (performance.now() - start);
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
}

const running = Array.from({ length: Number(pushers) }, run);
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
commands:
for await (const text of lines) {
  for (const line of text.trim().split("\n")) {
    await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify({ refused, mostBytes })}\n`));
    refused = mostBytes = 0;
    if (line === "stop") break commands;
    target = targets[line] ?? target;
  }
}
pushing = false;
await Promise.all(running);
