/**
 * Pushes bodies of 1 MiB as fast as it can over many connections, for tests: a program of its own, so that it does not
 * compete with what the tests measure. Reconnects where the daemon hangs up. Prints `{"answers":{"202":n,...},"bytes":n}`;
 * the bytes are those of bodies that the kernel took as a whole.
 *
 * Usage: `deno run --allow-net push_bodies.ts URL CONNECTIONS SECONDS SOURCE...`; the sources are dealt out in turn.
 *
 * @module
 */
import { RawHttp } from "./raw_http.ts";

const BODY_BYTES = 2 ** 20;

function lines(bytes: number): Uint8Array {
  const line = new TextEncoder().encode(`{"pad":"${"x".repeat(bytes - 11)}"}\n`);
  const body = new Uint8Array(Math.floor(BODY_BYTES / bytes) * bytes);
  for (let at = 0; at < body.length; at += bytes) body.set(line, at);
  return body;
}

/** Many small records, few large ones, one that is as large as can be, and a frame. */
const BODIES = [
  { type: "application/x-ndjson", body: lines(256) },
  { type: "application/x-ndjson", body: lines(64 * 1024) },
  { type: "application/json", body: lines(BODY_BYTES) },
  { type: "video/h264", body: new Uint8Array(BODY_BYTES).fill(7) },
];

const [url, connections, seconds, ...sources] = Deno.args;
if (url === undefined || sources.length === 0) throw new TypeError("Usage: see the head of the file");
const end = performance.now() + Number(seconds) * 1000;
const answers: Record<string, number> = {};
let bytes = 0;

async function run(index: number): Promise<void> {
  const source = sources[index % sources.length]!;
  const { type, body } = BODIES[Math.floor(index / sources.length) % BODIES.length]!;
  while (performance.now() < end) {
    using http = await RawHttp.connect(url!);
    // Agents that are blocked at the end are not waited for.
    const timer = setTimeout(() => http.close(), Math.max(0, end - performance.now()));
    try {
      for (;;) {
        const headers = { "Content-Type": type, "Content-Length": `${body.length}` };
        await http.sendHead("POST", `/v1/ingest/${source}`, headers);
        const answer = http.readResponse({ timeout: 60_000 });
        answer.catch(() => {});
        // What is sent to a daemon that has refused already fails, and the answer says why.
        await http.send(body).then(() => bytes += body.length, () => {});
        const { status } = await answer;
        answers[status] = (answers[status] ?? 0) + 1;
        if (status !== 202) break;
      }
    } catch {
      const key = performance.now() < end ? "broken" : "blocked";
      answers[key] = (answers[key] ?? 0) + 1;
    } finally {
      clearTimeout(timer);
    }
  }
}

await Promise.all(Array.from({ length: Number(connections) }, (_, index) => run(index)));
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ answers, bytes }) + "\n"));
