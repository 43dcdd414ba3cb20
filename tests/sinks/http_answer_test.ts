// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertFalse } from "@std/assert";
import { create, toBinary } from "@bufbuild/protobuf";
import { ExportServiceResponseSchema, RpcStatusSchema } from "../../collector/otlp/otlp_pb.ts";
import { type HttpOutcome, readAnswer } from "../../sinks/http_answer.ts";
import { parseRetryAfter } from "../../sinks/retry_after.ts";

const TARGET = "http://up/v1/ingest/a";
const NOW = Date.UTC(2026, 10, 23, 18, 0, 0);
const PROTOBUF = { "Content-Type": "application/x-protobuf" };

function read(response: Response, redact = (text: string) => text): Promise<HttpOutcome> {
  return readAnswer(response, TARGET, redact, NOW);
}

async function errorOf(response: Response, redact?: (text: string) => string) {
  const outcome = await read(response, redact);
  assertFalse(outcome.taken);
  const { message, kind, retryable, retryAfter } = outcome.error;
  return { cause: outcome.cause, message, kind, retryable, retryAfter };
}

async function lossOf(body: unknown, init?: ResponseInit) {
  const outcome = await read(body instanceof Response ? body : Response.json(body, init));
  assert(outcome.taken);
  return outcome.loss;
}

Deno.test("readAnswer() takes every 2xx for taken, whatever its body is", async () => {
  for (const status of [200, 201, 202, 204, 299]) {
    assertEquals(await read(new Response(null, { status })), { taken: true, loss: undefined });
  }
  const bodies: [BodyInit, string][] = [
    ["", "application/json"],
    ["{", "application/json"],
    ["[1]", "application/json"],
    ["null", "application/json"],
    ["{}", "application/json"],
    ['{"dropped":5}', "text/plain"],
    ["<p>", "text/html"],
    [Uint8Array.of(255, 255), "application/x-protobuf"],
    ["", "application/x-protobuf"],
  ];
  for (const [body, type] of bodies) {
    assertEquals(
      await lossOf(new Response(body, { headers: { "Content-Type": type } })),
      undefined,
      `${body} ${type}`,
    );
  }
});

Deno.test("readAnswer() finds what a Penstock dropped and evicted", async () => {
  assertEquals(await lossOf({ accepted: 3, dropped: 0, evicted: 0 }, { status: 202 }), undefined);
  assertEquals(await lossOf({ accepted: 3, dropped: 2, evicted: 0 }), {
    dropped: 2,
    evicted: 0,
    rejected: 0,
  });
  assertEquals(await lossOf({ accepted: 3, dropped: 0, evicted: 7 }), {
    dropped: 0,
    evicted: 7,
    rejected: 0,
  });
  for (const nonsense of [-1, 1.5, "x", null, [], {}, 1e300]) {
    assertEquals(await lossOf({ accepted: 0, dropped: nonsense, evicted: 0 }), undefined);
  }
});

Deno.test("readAnswer() finds what a partial success of OTLP tells, in JSON and in Protobuf", async () => {
  for (const key of ["rejectedLogRecords", "rejectedDataPoints", "rejectedSpans"]) {
    for (const count of [4, "4"]) {
      const loss = await lossOf({ partialSuccess: { [key]: count, errorMessage: "full" } });
      assertEquals(loss, { dropped: 0, evicted: 0, rejected: 4 });
    }
  }
  assertEquals(await lossOf({ partialSuccess: { errorMessage: "a warning" } }), undefined);
  const message = (rejected: bigint) =>
    toBinary(
      ExportServiceResponseSchema,
      create(ExportServiceResponseSchema, { partialSuccess: { rejected, errorMessage: "full" } }),
    );
  const protobuf = (rejected: bigint) =>
    new Response(message(rejected) as Uint8Array<ArrayBuffer>, { headers: PROTOBUF });
  assertEquals(await lossOf(protobuf(4n)), { dropped: 0, evicted: 0, rejected: 4 });
  assertEquals(await lossOf(protobuf(0n)), undefined);
  assertEquals(await lossOf(protobuf(-4n)), undefined);
});

Deno.test("readAnswer() retries 408, 429, 502, 503 and 504, and nothing else", async () => {
  for (let status = 300; status < 600; status++) {
    const { kind, retryable, cause } = await errorOf(new Response(null, { status }));
    assertEquals(kind, `http_${status}`);
    assertEquals(retryable, [408, 429, 502, 503, 504].includes(status), `${status}`);
    const expected = status === 413 ? "too_large" : [400, 415, 422].includes(status) ? "invalid" : "other";
    assertEquals(cause, expected, `${status}`);
  }
});

Deno.test("readAnswer() tells in its error what the other side said, and no more of it than 200 characters", async () => {
  const json = (body: unknown) => Response.json(body, { status: 503 });
  const said = async (response: Response) => (await errorOf(response)).message;
  const failed = `Cannot send to ${TARGET}: answered 503`;
  assertEquals(
    await said(json({ error: { code: "overloaded", message: "buffer was full" } })),
    `${failed}: buffer was full`,
  );
  assertEquals(await said(json({ code: 14, message: "unavailable" })), `${failed}: unavailable`);
  assertEquals(await said(json({ error: "no" })), `${failed}: no`);
  assertEquals(await said(json({ error: { code: 5 } })), failed);
  assertEquals(await said(json({ message: 5 })), failed);
  assertEquals(await said(new Response("  slow down\n", { status: 503 })), `${failed}: slow down`);
  assertEquals(
    await said(new Response("<h1>", { status: 503, headers: { "Content-Type": "text/html" } })),
    failed,
  );
  const status = toBinary(RpcStatusSchema, create(RpcStatusSchema, { code: 14, message: "later" }));
  assertEquals(
    await said(new Response(status as Uint8Array<ArrayBuffer>, { status: 503, headers: PROTOBUF })),
    `${failed}: later`,
  );
  assertEquals(await said(new Response(Uint8Array.of(255), { status: 503, headers: PROTOBUF })), failed);
  assertEquals(await said(new Response("x".repeat(1e5), { status: 503 })), `${failed}: ${"x".repeat(200)}`);
});

Deno.test("readAnswer() takes secrets out of what the other side said before it cuts it", async () => {
  const response = new Response(`${"x".repeat(190)} secret-token is expired`, { status: 401 });
  const { message } = await errorOf(response, (text) => text.replaceAll("secret-token", "***"));
  assertEquals(message, `Cannot send to ${TARGET}: answered 401: ${"x".repeat(190)} *** is ex`);
});

Deno.test("readAnswer() does not follow redirects, and tells where one leads without what may be secret", async () => {
  const redirect = (location: string) => new Response(null, { status: 307, headers: { Location: location } });
  assertEquals(await errorOf(redirect("https://other:8443/path?token=abc")), {
    cause: "other",
    message:
      `Cannot send to ${TARGET}: answered 307, a redirect to https://other:8443, which is not followed`,
    kind: "http_307",
    retryable: false,
    retryAfter: undefined,
  });
  const { message } = await errorOf(redirect("/login"));
  assertEquals(
    message,
    `Cannot send to ${TARGET}: answered 307, a redirect to another path, which is not followed`,
  );
});

Deno.test("readAnswer() lets a body go that never ends, and one that breaks off", async () => {
  let pulls = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(4096).fill(0x78));
    },
    cancel() {
      cancelled = true;
    },
  });
  assertEquals((await errorOf(new Response(endless, { status: 500 }))).kind, "http_500");
  assert(cancelled);
  assert(pulls < 10, `${pulls} pieces were read`);
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new TypeError("error reading a body from connection"));
    },
  });
  assertEquals(await read(new Response(broken, { status: 202 })), { taken: true, loss: undefined });
});

Deno.test("readAnswer() passes on for how long not to come again", async () => {
  const response = new Response(null, { status: 503, headers: { "Retry-After": "7" } });
  assertEquals((await errorOf(response)).retryAfter, 7000);
});

Deno.test("parseRetryAfter() reads seconds and the dates of HTTP", () => {
  const cases: [string | null, number | undefined][] = [
    [null, undefined],
    ["", undefined],
    ["0", 0],
    ["120", 120_000],
    [" 3 ", 3000],
    ["99999999999", 86_400_000],
    ["-5", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["2026-11-23T18:00:05Z", undefined],
    ["Mon, 23 Nov 2026 18:00:05 GMT", 5000],
    ["Monday, 23-Nov-26 18:00:05 GMT", 5000],
    ["Mon Nov 23 18:00:05 2026 GMT", 5000],
    ["Mon, 23 Nov 2026 17:59:00 GMT", 0],
    ["Mon, 23 Nov 2099 18:00:00 GMT", 86_400_000],
  ];
  for (const [header, expected] of cases) assertEquals(parseRetryAfter(header, NOW), expected, `${header}`);
});
