// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { adminApp, type AdminOptions } from "../../collector/admin.ts";
import { observe, Parts } from "./observed_parts.ts";
import { linesOf, parsePrometheus } from "./prometheus_text.ts";
import { offer } from "./sources.ts";

/** The routes over parts that do next to nothing, except for those given; a defect fails the test. */
function app(options: Partial<AdminOptions> = {}) {
  return adminApp({
    state: () => "ready",
    telemetry: { prometheus: () => "" },
    status: () => ({}),
    onDefect: (error) => {
      throw error;
    },
    ...options,
  });
}

/** A body that tells how much of itself was read. */
function countingBody(): { readonly body: ReadableStream<Uint8Array>; readonly pulled: () => number } {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(65_536));
    },
  }, { highWaterMark: 0 });
  return { body, pulled: () => pulled };
}

Deno.test("GET /healthz answers 200 whatever the state", async () => {
  for (const state of ["starting", "ready", "draining"] as const) {
    const response = await app({ state: () => state }).request("/healthz");
    assertEquals(response.status, 200);
    assertEquals(await response.text(), '{"status":"ok"}');
  }
});

Deno.test("GET /readyz answers 200 when ready, and 503 with the state otherwise", async () => {
  for (const [state, expected] of [["starting", 503], ["ready", 200], ["draining", 503]] as const) {
    const response = await app({ state: () => state }).request("/readyz");
    assertEquals(response.status, expected);
    assertEquals(await response.json(), { status: state });
  }
});

Deno.test("GET /metrics answers with Prometheus' text format, as it is at that moment", async () => {
  const parts = new Parts();
  const telemetry = observe(parts);
  const source = parts.add({ name: "app" });
  const admin = app({ telemetry });
  for (const records of [1, 2]) {
    await offer(source, ["1"]);
    const response = await admin.request("/metrics");
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    parsePrometheus(text);
    assertEquals(linesOf(text, "penstock_records_received_total"), [
      `penstock_records_received_total{source="app"} ${records}`,
    ]);
  }
  telemetry.shutdown();
});

Deno.test("GET /status answers with the status as JSON", async () => {
  const response = await app({ status: () => ({ state: "ready", sources: {} }) }).request("/status");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(await response.json(), { state: "ready", sources: {} });
});

Deno.test("Every admin answer says that it must not be kept", async () => {
  for (const path of ["/healthz", "/readyz", "/metrics", "/status"]) {
    const response = await app().request(path);
    await response.body?.cancel();
    assertEquals(response.headers.get("cache-control"), "no-store");
  }
});

Deno.test("HEAD is answered as GET, without a body", async () => {
  const response = await app({ state: () => "draining" }).request("/readyz", { method: "HEAD" });
  assertEquals(response.status, 503);
  assertEquals(await response.text(), "");
});

Deno.test("Other methods than GET and HEAD are answered 405 with Allow, on every route", async () => {
  for (const path of ["/healthz", "/readyz", "/metrics", "/status"]) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const response = await app().request(path, { method });
      assertEquals(response.status, 405);
      assertEquals(response.headers.get("allow"), "GET, HEAD");
      const { error } = await response.json();
      assertEquals(error.code, "method_not_allowed");
      assertStringIncludes(error.message, method);
    }
  }
});

Deno.test("Other routes are answered 404 with the routes that there are", async () => {
  for (const path of ["/nope", "/healthz/", "/v1/ingest/app"]) {
    const response = await app().request(path);
    assertEquals(response.status, 404);
    const { error } = await response.json();
    assertEquals(error.code, "not_found");
    assertStringIncludes(error.message, `'${path}'`);
    assertStringIncludes(error.message, "/healthz, /readyz, /metrics, /status");
  }
});

Deno.test("A body sent to an admin route is never read, and the connection ends", async () => {
  using time = new FakeTime(); // the body is held unread for a while
  for (const path of ["/status", "/nope"]) {
    const { body, pulled } = countingBody();
    const response = await app().request(path, { method: "POST", body });
    assertEquals(response.status, path === "/nope" ? 404 : 405);
    assertEquals(response.headers.get("connection"), "close");
    await response.body?.cancel();
    await time.tickAsync(60_000);
    assertEquals(pulled(), 0);
  }
});

Deno.test("GET with a body is answered 413, so that its body is not swallowed", async () => {
  const response = await app().request("/status", { headers: { "Content-Length": "100000000000" } });
  assertEquals(response.status, 413);
  assertEquals(response.headers.get("connection"), "close");
  await response.text().catch(() => {}); // breaks off on purpose
});

Deno.test("A defect is answered 500 without its message, and told to onDefect", async () => {
  const defects: unknown[] = [];
  const defect = new Error("a secret");
  const admin = app({
    telemetry: {
      prometheus: () => {
        throw defect;
      },
    },
    onDefect: (error) => defects.push(error),
  });
  const response = await admin.request("/metrics");
  assertEquals(response.status, 500);
  assertEquals((await response.text()).includes("secret"), false);
  assertEquals(defects, [defect]);
});
