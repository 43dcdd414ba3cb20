// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { UpstreamLoss } from "../../sinks/http_answer.ts";
import { SinkError } from "../../sinks/sink.ts";
import { batchOf, binaryBatch, jsonBatch } from "./batches.ts";
import { HttpPeer, sinkTo } from "./http_peer.ts";

const context = { source: "a", signal: new AbortController().signal };

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`);
}

function frames(count: number) {
  return binaryBatch(numbers(count).map((n) => new TextEncoder().encode(n)));
}

Deno.test("HttpSink.write() goes on after a failure where it broke off, and sends no frame twice", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const batch = frames(6);
  peer.answer = ({ text }) => text === "3" && peer.requests.length === 4 ? 503 : 202;
  const error = await assertRejects(() => sink.write(batch, context), SinkError);
  assertEquals([error.kind, error.retryable], ["http_503", true]);
  await sink.write(batch, context);
  assertEquals(peer.taken.map(({ text }) => text), numbers(6));
  // Another batch with the same records is another one.
  await sink.write(frames(2), context);
  assertEquals(peer.taken.map(({ text }) => text), [...numbers(6), "0", "1"]);
});

Deno.test("HttpSink.write() halves a batch that is too large until it is taken, in order", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  peer.answer = ({ text }) => text.split("\n").length - 1 > 3 ? 413 : 202;
  await sink.write(jsonBatch(numbers(20)), context);
  assertEquals(peer.text, numbers(20).join("\n") + "\n");
  const sizes = peer.requests.map(({ text }) => text.split("\n").length - 1);
  // Twice as many are tried after each that was taken, so that one large record does not make many small requests.
  assertEquals(sizes, [20, 10, 5, 3, 6, 3, 6, 3, 6, 3, 6, 3, 5, 3, 2]);
});

Deno.test("HttpSink.write() gives up the one record that is too large, and sends the others of its batch", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const lines = numbers(10);
  lines[3] = '"much too large"';
  const batch = jsonBatch(lines);
  peer.answer = ({ text }) =>
    text.includes("much") ? Response.json({ error: { message: "record too large" } }, { status: 413 }) : 202;
  const error = await assertRejects(() => sink.write(batch, context), SinkError);
  assertEquals([error.kind, error.retryable], ["http_413", false]);
  assertStringIncludes(
    error.message,
    "answered 413: record too large; not taken were 1 records, the others of their batch were",
  );
  assertEquals(peer.text, lines.filter((_, i) => i !== 3).join("\n") + "\n");
  assertEquals(error.untaken, [{ from: 3, to: 4 }]);
});

Deno.test("HttpSink.write() sends the frames behind one that is refused for what it is", async () => {
  for (const status of [400, 413, 415, 422]) {
    await using peer = new HttpPeer();
    await using sink = await sinkTo(peer);
    peer.answer = ({ text }) => text === "1" || text === "2" ? status : 202;
    const error = await assertRejects(
      () => sink.write(frames(5), context),
      SinkError,
      "not taken were 2 records",
    );
    assertEquals([error.kind, error.retryable], [`http_${status}`, false]);
    assertEquals(peer.taken.map(({ text }) => text), ["0", "3", "4"]);
    assertEquals(error.untaken, [{ from: 1, to: 3 }]);
  }
});

Deno.test("HttpSink.write() remembers over a failure what was refused before it", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const batch = frames(5);
  peer.answer = ({ text }) => text === "1" ? 400 : text === "3" && peer.requests.length === 4 ? 502 : 202;
  const first = await assertRejects(() => sink.write(batch, context), SinkError);
  assertEquals([first.kind, first.retryable, first.untaken], ["http_502", true, [{ from: 1, to: 2 }, {
    from: 3,
    to: 5,
  }]]);
  const error = await assertRejects(() => sink.write(batch, context), SinkError, "not taken were 1 records");
  assertEquals([error.kind, error.retryable], ["http_400", false]);
  assertEquals(peer.taken.map(({ text }) => text), ["0", "2", "3", "4"]);
  assertEquals(error.untaken, [{ from: 1, to: 2 }]);
});

Deno.test("HttpSink.write() stops at an answer that every record would get", async () => {
  for (const status of [307, 401, 403, 404, 500]) {
    await using peer = new HttpPeer();
    await using sink = await sinkTo(peer, { headers: { Authorization: "Bearer abc" } });
    peer.answer = () => new Response(null, { status, headers: { Location: `http://${peer.host}/other` } });
    const error = await assertRejects(() => sink.write(frames(5), context), SinkError, `answered ${status}`);
    assertEquals([error.kind, error.retryable], [`http_${status}`, false]);
    assertEquals([peer.paths, error.untaken], [["/v1/ingest/a"], undefined]);
  }
});

Deno.test("HttpSink.write() tells what was not taken when it stops in the middle", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  peer.answer = ({ text }) => text === "0" ? 400 : text === "2" ? 403 : 202;
  const error = await assertRejects(
    () => sink.write(frames(5), context),
    SinkError,
    "not taken were 4 records",
  );
  assertEquals([error.kind, error.retryable], ["http_403", false]);
  assertEquals(error.untaken, [{ from: 0, to: 1 }, { from: 2, to: 5 }]);
  assertEquals(peer.taken.map(({ text }) => text), ["1"]);
});

Deno.test("HttpSink.write() counts what the other side lost, and tells once until it loses nothing", async () => {
  await using peer = new HttpPeer();
  const told: [string, UpstreamLoss][] = [];
  await using sink = await sinkTo(peer, { onLoss: (source, loss) => told.push([source, loss]) });
  const lost = () => {
    const figures = [...sink.figures()].filter(({ name }) => name === "upstream_lost_records");
    return Object.fromEntries(figures.map(({ labels, value }) => [labels!["reason"], value]));
  };
  assertEquals(lost(), { dropped: 0, evicted: 0, rejected: 0 });
  peer.answer = ({ path }) =>
    path.startsWith("/sources/")
      ? Response.json({ partialSuccess: { rejectedSpans: "4" } })
      : Response.json({ accepted: 1, dropped: 2, evicted: 3 }, { status: 202 });
  await sink.write(jsonBatch(["1"]), context);
  await sink.write(jsonBatch(["1"]), context);
  await sink.write(jsonBatch(["1"]), { ...context, source: "b" });
  await sink.write(batchOf("otlp-traces", [Uint8Array.of(1)]), { ...context, source: "b" });
  assertEquals(lost(), { dropped: 6, evicted: 9, rejected: 4 });
  const loss = { dropped: 2, evicted: 3, rejected: 0 };
  assertEquals(told, [["a", loss], ["b", loss]]);
  peer.answer = () => Response.json({ accepted: 1, dropped: 0, evicted: 0 }, { status: 202 });
  await sink.write(jsonBatch(["1"]), context);
  peer.answer = () => Response.json({ accepted: 0, dropped: 1, evicted: 0 }, { status: 202 });
  await sink.write(jsonBatch(["1"]), context);
  assertEquals(told.slice(2), [["a", { dropped: 1, evicted: 0, rejected: 0 }]]);
});

Deno.test("HttpSink.write() tells no secret that the other side repeats", async () => {
  await using peer = new HttpPeer();
  const headers = { Authorization: "Bearer s3cr3t" };
  await using sink = await sinkTo(peer, {
    headers,
    secrets: ["s3cr3t"],
    url: `http://${peer.host}/in?key=hidden`,
  });
  peer.answer = ({ headers }) =>
    new Response(`cannot accept ${headers.get("authorization")}`, { status: 401 });
  const error = await assertRejects(() => sink.write(jsonBatch(["1"]), context), SinkError);
  assertEquals(
    error.message,
    `Cannot send to http://${peer.host}/in: answered 401: cannot accept Bearer ***`,
  );
});

Deno.test("HttpSink.write() loses, doubles and reorders nothing, whatever the other side answers", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom("json", "binary", "otlp-logs"),
      fc.integer({ min: 4, max: 400 }),
      fc.array(fc.constantFrom(202, 200, 503, 429, 413, 400, 504), { maxLength: 40 }),
      async (lengths, format, maxBytes, answers) => {
        await using peer = new HttpPeer();
        await using sink = await sinkTo(peer, { maxBytes });
        const refused = new Set<string>();
        let asked = 0;
        peer.answer = ({ text }) => {
          const status = answers[asked++] ?? 202;
          const alone = format !== "json" || text.split("\n").length === 2;
          if (status === 400 || status === 413 && alone) refused.add(text);
          return status;
        };
        const records = lengths.map((length, i) =>
          `#${i}:`.padEnd(length, "x") + (format === "json" ? "\n" : "")
        );
        const batch = batchOf(format as "json", records.map((record) => new TextEncoder().encode(record)));
        let failed: SinkError | undefined;
        for (;;) {
          try {
            await sink.write(batch, context);
          } catch (error) {
            assert(error instanceof SinkError, String(error));
            failed = error;
            if (error.retryable) continue;
          }
          break;
        }
        const lost = [...refused].join("");
        const expected = records.filter((record) => !lost.includes(record)).join("");
        assertEquals(peer.text, expected);
        assertEquals(failed !== undefined && !failed.retryable, refused.size > 0);
        if (refused.size === 0 || expected === "") return;
        const untaken = failed!.untaken!.flatMap(({ from, to }) => records.slice(from, to)).join("");
        assertEquals(untaken, records.filter((record) => lost.includes(record)).join(""));
      },
    ),
    { numRuns: 60 },
  );
});
