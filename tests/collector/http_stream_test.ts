// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { constants, deflateSync, gzipSync } from "node:zlib";
import { type Answer, streamOf, takeAll, TestIngest } from "./http_ingest.ts";

const NONE = { accepted: 0, dropped: 0, evicted: 0 };

function assertFailed(answer: Answer, status: number, code: string, details: Record<string, unknown>): void {
  const { message, ...error } = answer.body.error;
  assertEquals([answer.status, error], [status, { code, ...NONE, ...details }], message);
  assertEquals(answer.headers.get("connection"), "close");
}

/** Runs a test in faked time, and lets go of bodies that are held unread at its end. */
async function inFakeTime(test: (time: FakeTime) => Promise<void>): Promise<void> {
  using time = new FakeTime();
  await test(time);
  await time.tickAsync(1000);
}

Deno.test("HttpIngest admits the records of a stream however its pieces are cut", async () => {
  const text = '{"a":1}\n\n [1, 2]\r\n"é😀"\n3';
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at <= bytes.length; at++) {
    const ingest = new TestIngest();
    const { status, body } = await ingest.post("a", streamOf(bytes.subarray(0, at), bytes.subarray(at)));
    assertEquals([status, body], [202, { ...NONE, accepted: 4 }]);
    assertEquals(takeAll(ingest.source("a")), '{"a":1}\n[1, 2]\n"é😀"\n3\n');
    assertEquals(ingest.budget.used, 0);
  }
  const ingest = new TestIngest();
  const { body } = await ingest.post("a", streamOf(...Array.from(bytes, (byte) => Uint8Array.of(byte))));
  assertEquals([body, takeAll(ingest.source("a"))], [
    { ...NONE, accepted: 4 },
    '{"a":1}\n[1, 2]\n"é😀"\n3\n',
  ]);
});

Deno.test("HttpIngest admits a stream of many windows, plain, gzip and deflate", async () => {
  const text = Array.from({ length: 50_000 }, (_, n) => `{"n":${n},"pad":"${"x".repeat(n % 50)}"}\n`).join(
    "",
  );
  const codings = {
    identity: new TextEncoder().encode(text),
    gzip: gzipSync(text),
    deflate: deflateSync(text),
  };
  for (const [coding, coded] of Object.entries(codings)) {
    const ingest = new TestIngest({ rules: { "*": { buffer: { records: 50_000, bytes: 1 << 24 } } } });
    const pieces = Array.from(
      { length: Math.ceil(coded.length / 7_777) },
      (_, i) => new Uint8Array(coded.subarray(i * 7_777, (i + 1) * 7_777)),
    );
    const { status, body } = await ingest.post("a", streamOf(...pieces), { "Content-Encoding": coding });
    assertEquals([status, body], [202, { ...NONE, accepted: 50_000 }], coding);
    assertEquals(takeAll(ingest.source("a")), text);
    assertEquals(ingest.budget.used, 0);
  }
});

Deno.test("HttpIngest admits a window that is larger than the buffer in parts", async () => {
  const ingest = new TestIngest({
    rules: {
      oldest: { policy: "drop_oldest", buffer: { records: 3, bytes: 1000 } },
      newest: { policy: "drop_newest", buffer: { records: 3, bytes: 1000 } },
      bytes: { policy: "drop_oldest", buffer: { records: 1000, bytes: 5 } },
    },
  });
  const answers = await Promise.all(
    ["oldest", "newest", "bytes"].map((name) => ingest.post(name, streamOf("1\n2\n3\n4\n5\n6\n7\n"))),
  );
  assertEquals(answers.map(({ body }) => body), [
    { accepted: 7, dropped: 0, evicted: 4 },
    { accepted: 3, dropped: 4, evicted: 0 },
    { accepted: 7, dropped: 0, evicted: 5 },
  ]);
  const kept = ["oldest", "newest", "bytes"].map((name) => takeAll(ingest.source(name)));
  assertEquals(kept, ["5\n6\n7\n", "1\n2\n3\n", "6\n7\n"]);
  await inFakeTime(async () => {
    const limit = { records: 1000, bytes: 5 };
    assertFailed(await ingest.post("bytes", streamOf("1\n12345\n")), 413, "too_large", {
      limit,
      accepted: 1,
    });
  });
});

Deno.test("HttpIngest makes a stream wait in the middle of a window where the policy is to wait", async () => {
  const ingest = new TestIngest({ rules: { "*": { policy: "block", buffer: { records: 2, bytes: 1000 } } } });
  const source = ingest.source("a");
  const answer = ingest.post("a", streamOf("1\n2\n3\n4\n5\n"));
  let kept = "";
  while (kept.length < 10) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const batch = source.take({ records: 1, bytes: 100 });
    if (batch === undefined) continue;
    kept += new TextDecoder().decode(batch.data);
    source.commit();
  }
  assertEquals(kept, "1\n2\n3\n4\n5\n");
  assertEquals((await answer).body, { ...NONE, accepted: 5 });
  assertEquals(ingest.budget.used, 0);
});

Deno.test("HttpIngest counts records and offsets from a stream's beginning, and tells what it had admitted", async () => {
  await inFakeTime(async () => {
    const make = () => new TestIngest({ record: 10 });
    const cases: [pieces: string[], status: number, code: string, details: Record<string, unknown>][] = [
      [["{]\n"], 400, "invalid_record", { record: 1, offset: 1 }],
      [["1\n2\n", "\n{]\n", "open"], 400, "invalid_record", { record: 3, offset: 6, accepted: 2 }],
      [["1\n2", "2\n3", "3\n{", "]"], 400, "invalid_record", { record: 4, offset: 9, accepted: 3 }],
      [["1\n", "2\n3\n{]\n"], 400, "invalid_record", { record: 4, offset: 7, accepted: 1 }],
      [["1\r\n", "{]\r\n"], 400, "invalid_record", { record: 2, offset: 4, accepted: 1 }],
      [["1\n", "nul"], 400, "invalid_record", { record: 2, offset: 5, accepted: 1 }],
      [["1\n", '"12345', "67890", "open"], 413, "too_large", {
        record: 2,
        offset: 2,
        limit: 10,
        accepted: 1,
      }],
      [["1\n", '"1234567890"\n'], 413, "too_large", { record: 2, offset: 2, limit: 10, accepted: 1 }],
    ];
    for (const [pieces, status, code, details] of cases) {
      const ingest = make();
      assertFailed(await ingest.post("a", streamOf(...pieces)), status, code, details);
      assertEquals(ingest.source("a").buffer.records, details["accepted"] ?? 0, `${pieces}`);
      takeAll(ingest.source("a"));
      assertEquals(ingest.budget.used, 0);
    }
    const ingest = make();
    const bad = streamOf("1\n2", Uint8Array.of(0x22, 0xff, 0x22, 0x0a));
    assertFailed(await ingest.post("a", bad), 400, "invalid_record", { record: 2, offset: 3, accepted: 1 });
  });
});

Deno.test("HttpIngest refuses a coded stream as soon as something is wrong, without waiting for more", async () => {
  await inFakeTime(async () => {
    const flushed = (text: string) => gzipSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
    const gzip = { "Content-Encoding": "gzip" };
    const ingest = new TestIngest();
    const wrong = streamOf(flushed("1\n{]\n"), "open");
    assertFailed(await ingest.post("a", wrong, gzip), 400, "invalid_record", { record: 2, offset: 3 });
    assertFailed(await ingest.post("a", streamOf("no gzip", "open"), gzip), 400, "invalid_encoding", {});
    const broken = gzipSync("1\n2\n").subarray(0, -4);
    const { status, body } = await ingest.post("b", streamOf(broken), gzip);
    assertEquals([status, body.error.code], [400, "invalid_encoding"]);
    takeAll(ingest.source("b"));
    assertEquals(ingest.budget.used, 0);
  });
});

Deno.test("HttpIngest answers 503 in the middle of a stream with what it had admitted", async () => {
  await inFakeTime(async (time) => {
    const buffer = { records: 2, bytes: 100 };
    const ingest = new TestIngest({
      rules: {
        rejecting: { policy: "reject", buffer },
        blocking: { policy: "block", blockTimeout: 5000, buffer },
      },
    });
    const rejected = await ingest.post("rejecting", streamOf("1\n", "2\n", "3\n4\n", "open"));
    assertFailed(rejected, 503, "overloaded", { accepted: 2 });
    assertEquals(rejected.headers.get("retry-after"), "1");
    const blocked = ingest.post("blocking", streamOf("1\n", "2\n", "3\n", "open"));
    await time.tickAsync(5000);
    assertFailed(await blocked, 503, "overloaded", { accepted: 2 });
    for (const name of ["rejecting", "blocking"]) assertEquals(takeAll(ingest.source(name)), "1\n2\n");
    assertEquals(ingest.budget.used, 0);
  });
});

Deno.test("HttpIngest answers 408 to a stream that is idle, and 503 when it shuts down", async () => {
  await inFakeTime(async (time) => {
    const ingest = new TestIngest({ bodyTimeout: 1000 });
    const idle = ingest.post("a", streamOf("1\n2", "open"));
    await time.tickAsync(2000);
    assertFailed(await idle, 408, "timeout", { accepted: 1 });
    const open = ingest.post("a", streamOf("3\n4", "open"));
    await time.tickAsync(10);
    ingest.ingest.drain();
    assertFailed(await open, 503, "shutting_down", { accepted: 1 });
    assertEquals(takeAll(ingest.source("a")), "1\n3\n");
    assertEquals(ingest.budget.used, 0);
  });
});

Deno.test("HttpIngest keeps no torn record of a coded stream that breaks off where a member of it ends", async () => {
  await inFakeTime(async (time) => {
    const ingest = new TestIngest({ bodyTimeout: 1000 });
    const gzip = { "Content-Encoding": "gzip" };
    // The next member would have made 12345 of it.
    const idle = ingest.post("a", streamOf(gzipSync("1\n12"), "open"), gzip);
    await time.tickAsync(10);
    await time.tickAsync(2000);
    assertFailed(await idle, 408, "timeout", { accepted: 1 });
    assertEquals(takeAll(ingest.source("a")), "1\n");
    assertEquals(ingest.budget.used, 0);
  });
});

Deno.test("HttpIngest gives up on a body that comes a byte at a time, however regularly", async () => {
  await inFakeTime(async (time) => {
    const ingest = new TestIngest({ bodyTimeout: 1000 });
    const dribble = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        controller.enqueue(Uint8Array.of(7));
      },
    }, { highWaterMark: 0 });
    const headers = { "Content-Type": "application/octet-stream", "Content-Length": "100000" };
    const answer = ingest.post("a", dribble, headers);
    for (let i = 0; i < 4; i++) await time.tickAsync(300);
    const { status, body } = await answer;
    assertEquals([status, body.error.code], [408, "timeout"]);
    assertEquals([ingest.budget.used, ingest.source("a").buffer.records], [0, 0]);
  });
});

Deno.test("HttpIngest answers a stream once all of it is acknowledged", async () => {
  const ingest = new TestIngest({ rules: { "*": { ack: "written" } } });
  const source = ingest.source("a");
  let answered = false;
  const answer = ingest.post("a", streamOf("1\n", "2\n", "3\n")).finally(() => answered = true);
  for (let written = 0; written < 3;) {
    assert(!answered);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const batch = source.take({ records: 1, bytes: 10 });
    if (batch === undefined) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    source.commit();
    written++;
  }
  const { status, body } = await answer;
  assertEquals([status, body], [200, { ...NONE, accepted: 3 }]);
});
