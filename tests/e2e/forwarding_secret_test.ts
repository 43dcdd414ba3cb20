// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertNotMatch, assertStringIncludes } from "@std/assert";
import { waitFor } from "../wait_for.ts";
import { HttpPeer } from "../sinks/http_peer.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { post, untilSource } from "./numbered_records.ts";

const TOKEN = "s3cr3t-t0ken";

Deno.test("a header gets its token from the environment, and nobody is told it but the other side", async () => {
  await using peer = new HttpPeer();
  // The worst that the other side can do: to refuse it, and to say what it refused.
  peer.answer = ({ headers, path }) => {
    if (path.endsWith("/good")) return 202;
    return new Response(`no: ${headers.get("authorization")} ${headers.get("x-key")}`, {
      status: path.endsWith("/later") ? 503 : 401,
    });
  };
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { "*": { policy: "block", batch: { linger: "1ms" } } },
      sinks: {
        upstream: {
          type: "http",
          url: `http://${peer.host}/in/{source}`,
          headers: { Authorization: "Bearer ${PENSTOCK_TEST_TOKEN}", "X-Key": "${PENSTOCK_TEST_TOKEN}" },
          breaker: { failures: 0 },
        },
      },
      shutdown: { deadline: "100ms" },
    },
    env: { PENSTOCK_TEST_TOKEN: TOKEN },
    args: ["--log-level", "debug"],
  });
  for (const source of ["good", "bad", "later"]) {
    assertEquals((await post(daemon, source, "1\n")).status, 202);
  }
  await untilSource(daemon, "good", ({ ledger }) => ledger.delivered.records === 1);
  await untilSource(daemon, "bad", ({ ledger }) => ledger.dropped.records === 1);
  await waitFor(() => peer.paths.filter((path) => path.endsWith("/later")).length >= 2, { what: "a retry" });
  const { headers } = peer.taken[0]!;
  assertEquals([headers.get("authorization"), headers.get("x-key")], [`Bearer ${TOKEN}`, TOKEN]);
  const told = [
    JSON.stringify(await daemon.statusJson()),
    await daemon.metrics(),
    await (await fetch(daemon.adminUrl)).text(),
  ];
  assertStringIncludes(told[0]!, "no: Bearer *** ***");
  await daemon.stop();
  for (const text of [...told, daemon.logs.join("\n")]) assertNotMatch(text, new RegExp(TOKEN));
  assertStringIncludes(daemon.logs.join("\n"), "answered 401: no: Bearer *** ***");
});
