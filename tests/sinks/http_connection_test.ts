// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertMatch, assertNotMatch, assertRejects } from "@std/assert";
import type { HttpSink } from "../../sinks/http.ts";
import { SinkError } from "../../sinks/sink.ts";
import { waitFor } from "../wait_for.ts";
import { binaryBatch, jsonBatch } from "./batches.ts";
import { makeCertificates, tellMissing } from "./certificates.ts";
import { HttpPeer, sinkTo } from "./http_peer.ts";
import { freePort } from "../e2e/free_port.ts";

const idle = { source: "a", signal: new AbortController().signal };

/** Accepts connections one after the other, and does with each what it is told to. */
class RawPeer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #accepting: Promise<void>;
  /** How many bytes of requests came. */
  received = 0;
  /** How many connections were ended by the other side. */
  ended = 0;

  /** @param answer What to write once a request has begun to come, and whether to close then. */
  constructor(answer: { readonly text?: string; readonly close: boolean }) {
    this.#accepting = this.#accept(answer);
  }

  get host(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #accept({ text = "", close }: { readonly text?: string; readonly close: boolean }): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.push(connection);
      serving.push((async () => {
        const buffer = new Uint8Array(65536);
        try {
          const first = await connection.read(buffer);
          this.received += first ?? 0;
          await connection.write(new TextEncoder().encode(text));
          if (close) return connection.close();
          for (let n; (n = await connection.read(buffer)) !== null;) this.received += n;
          this.ended++;
        } catch (error) {
          // Reset by the other side, or closed at the end of the test.
          if (error instanceof Deno.errors.ConnectionReset) this.ended++;
          else {assert(
              error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted,
              `${error}`,
            );}
        }
      })());
    }
    await Promise.all(serving);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch (error) {
        assert(error instanceof Deno.errors.BadResource); // it was closed before
      }
    }
    await this.#accepting;
  }
}

async function failure(sink: HttpSink, context = idle): Promise<SinkError> {
  return await assertRejects(() => sink.write(jsonBatch(["1"]), context), SinkError);
}

Deno.test("HttpSink.write() tells that nobody listens, and reaches who does later", async () => {
  const port = freePort();
  await using sink = await sinkTo({ host: `127.0.0.1:${port}` }, {
    url: `http://127.0.0.1:${port}/in?key=hidden`,
  });
  const error = await failure(sink);
  assertEquals([error.kind, error.retryable], ["ECONNREFUSED", true]);
  assertMatch(
    error.message,
    new RegExp(`^Cannot send to http://127\\.0\\.0\\.1:${port}/in: tcp connect error: .*refused`),
  );
  const server = Deno.serve(
    { hostname: "127.0.0.1", port, onListen() {} },
    () => new Response(null, { status: 202 }),
  );
  await sink.write(jsonBatch(["1"]), idle);
  await sink.close(); // or the server waits for its connection
  await server.shutdown();
});

Deno.test("HttpSink.write() tells what befell its connection, as something that can pass, and without the query", async () => {
  const cases: [answer: ConstructorParameters<typeof RawPeer>[0], kind: string][] = [
    [{ close: true }, "connection_closed"],
    [{ text: "HTTP/1.1 200 ", close: true }, "connection_closed"],
    [{ text: "SSH-2.0-OpenSSH_9.6\r\n\r\n", close: true }, "network"],
  ];
  for (const [answer, kind] of cases) {
    await using peer = new RawPeer(answer);
    await using sink = await sinkTo(peer, { url: `http://${peer.host}/in?key=hidden` });
    const error = await failure(sink);
    assertEquals([error.kind, error.retryable], [kind, true], error.message);
    assertMatch(error.message, new RegExp(`^Cannot send to http://${peer.host}/in: \\S`));
    assertNotMatch(`${error.message} ${error.cause ?? ""}`, /hidden/);
  }
  await using sink = await sinkTo({ host: "penstock.invalid" });
  const error = await failure(sink);
  assertEquals([error.kind, error.retryable], ["dns", true]);
});

Deno.test("HttpSink.write() takes records for taken once the head of the answer says so, though its body breaks off", async () => {
  await using peer = new RawPeer({
    text: "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{",
    close: true,
  });
  await using sink = await sinkTo(peer);
  await sink.write(jsonBatch(["1"]), idle);
});

Deno.test("HttpSink.write() sends again what nobody can know to be taken, and only that", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const batch = binaryBatch([1, 2, 3].map((n) => Uint8Array.of(n)));
  const controller = new AbortController();
  peer.answer = async ({ body }) => {
    // It has the frame, and the one who sent it is gone before it hears so.
    if (body[0] === 2 && peer.requests.length === 2) {
      controller.abort(new DOMException("too long", "TimeoutError"));
      await waitFor(() => failed, { what: "the end of the first attempt" });
    }
    return 202;
  };
  let failed = false;
  await assertRejects(() => sink.write(batch, { source: "a", signal: controller.signal }), SinkError);
  failed = true;
  await sink.write(batch, idle);
  await waitFor(() => peer.taken.length === 4, { what: "the last answer" });
  assertEquals(peer.requests.map(({ body }) => body[0]), [1, 2, 2, 3]);
});

Deno.test("HttpSink.write() ends its request when the signal is aborted, and tells a timeout from the end of the daemon", async () => {
  const cases: [abort: (controller: AbortController) => void, kind: string, retryable: boolean][] = [
    [(controller) => controller.abort(new DOMException("too long", "TimeoutError")), "timeout", true],
    [(controller) => controller.abort(new Error("the daemon stops")), "aborted", false],
    [(controller) => controller.abort(), "aborted", false],
  ];
  for (const [abort, kind, retryable] of cases) {
    await using peer = new RawPeer({ close: false });
    await using sink = await sinkTo(peer);
    const controller = new AbortController();
    const writing = failure(sink, { source: "a", signal: controller.signal });
    await waitFor(() => peer.received > 0, { what: "the request" });
    abort(controller);
    const error = await writing;
    assertEquals([error.kind, error.retryable], [kind, retryable]);
    await waitFor(() => peer.ended === 1, { what: "the end of the connection" });
  }
});

Deno.test("HttpSink.write() ends a request of which nobody reads the body", async () => {
  await using peer = new RawPeer({ close: false });
  await using sink = await sinkTo(peer);
  const controller = new AbortController();
  const batch = binaryBatch([new Uint8Array(32 * 2 ** 20)]);
  const writing = assertRejects(
    () => sink.write(batch, { source: "a", signal: controller.signal }),
    SinkError,
  );
  await waitFor(() => peer.received > 0, { what: "the request" });
  controller.abort(new DOMException("too long", "TimeoutError"));
  assertEquals((await writing).kind, "timeout");
  await waitFor(() => peer.ended === 1, { what: "the end of the connection" });
});

Deno.test("HttpSink.write() gets the answer of a server that refuses a large body without reading it", async () => {
  // As a Penstock or a proxy does that has a limit: the answer comes while the body is still being sent.
  await using peer = new RawPeer({
    text: "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    close: false,
  });
  await using sink = await sinkTo(peer);
  const error = await assertRejects(
    () => sink.write(binaryBatch([new Uint8Array(16 * 2 ** 20)]), idle),
    SinkError,
  );
  assertEquals([error.kind, error.retryable], ["http_413", false], error.message);
});

Deno.test("HttpSink.write() sends by https to whom a certificate vouches for, and to nobody else", async () => {
  await using certificates = await makeCertificates();
  if (certificates === undefined) return tellMissing();
  const { ca, cert, key } = certificates;
  await using peer = new HttpPeer({ cert, key });
  const url = `https://${peer.host}/v1/ingest/{source}`;
  {
    await using stranger = await sinkTo(peer, { url });
    const error = await failure(stranger);
    assertEquals([error.kind, error.retryable], ["tls", true], error.message);
    assertEquals(peer.requests.length, 0);
  }
  await using sink = await sinkTo(peer, { url, caFile: ca });
  await sink.write(jsonBatch(["1", "2"]), idle);
  assertEquals(peer.text, "1\n2\n");
});
