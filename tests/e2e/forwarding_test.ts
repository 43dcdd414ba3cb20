// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertNotMatch, assertStringIncludes } from "@std/assert";
import { waitFor } from "../wait_for.ts";
import { makeCertificates, tellMissing } from "../sinks/certificates.ts";
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

Deno.test("a daemon sends by https to whom caFile or the system's certificates vouch for, with no more permissions", async () => {
  await using certificates = await makeCertificates();
  if (certificates === undefined) return tellMissing();
  const { ca, cert, key } = certificates;
  await using peer = new HttpPeer({ cert, key });
  const url = `https://${peer.host}/{source}`;
  const sources = { "*": { policy: "block", batch: { linger: "1ms" } } };
  const cases: [name: string, sink: Record<string, unknown>, env: Record<string, string>][] = [
    ["file", { caFile: ca }, {}],
    ["system", {}, { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: ca }],
  ];
  for (const [name, sink, env] of cases) {
    await using daemon = await DaemonProcess.start({
      config: { sources, sinks: { upstream: { type: "http", url, ...sink } } },
      env,
    });
    assertEquals((await post(daemon, name, "1\n")).status, 202);
    await untilSource(daemon, name, ({ ledger }) => ledger.delivered.records === 1);
    assertEquals((await daemon.stop()).code, 0);
  }
  assertEquals(peer.paths, ["/file", "/system"]);
});
