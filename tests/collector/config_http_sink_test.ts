// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import type { HttpSinkConfig } from "../../collector/config.ts";
import { runtimeFlags } from "../../collector/permissions.ts";
import { findMissingVariables, resolveHeaders, variablesOf } from "../../collector/sink_headers.ts";
import { accept, assertRefused, minimal, refuse, withSink } from "./config_cases.ts";

const URL = "http://127.0.0.1:5318/v1/ingest/{source}";

function http(more: Record<string, unknown> = {}): Record<string, unknown> {
  return withSink({ type: "http", url: URL, ...more });
}

function accepted(more: Record<string, unknown> = {}): HttpSinkConfig {
  return accept(http(more)).sinks[0] as HttpSinkConfig;
}

Deno.test("parseConfig() fills in the defaults of an http sink", () => {
  assertEquals(accepted(), {
    retry: { initial: 100, max: 10_000, maxElapsed: Infinity },
    timeout: 30_000,
    concurrency: Infinity,
    breaker: { failures: 5, pause: 5000 },
    deadLetter: undefined,
    name: "s",
    type: "http",
    url: URL,
    otlpUrl: "http://127.0.0.1:5318/sources/{source}/v1/{signal}",
    maxBytes: 4 * 2 ** 20,
    compression: "none",
    headers: {},
    caFile: undefined,
  });
});

Deno.test("parseConfig() takes every key of an http sink as given", () => {
  const given = {
    url: "https://up:8443/in/{source}?key=1",
    otlpUrl: "https://up:8443/v1/{signal}",
    compression: "zstd" as const,
    headers: { Authorization: "Bearer ${TOKEN}" },
    caFile: "ca.pem",
  };
  const { retry, timeout, concurrency: _, breaker, deadLetter: __, ...sink } = accepted({
    ...given,
    maxBytes: "1MiB",
    retry: { initial: "1s" },
    timeout: "1m",
    breaker: { failures: 0 },
  });
  assertEquals(sink, { name: "s", type: "http", ...given, maxBytes: 2 ** 20 });
  assertEquals([retry.initial, timeout, breaker], [1000, 60_000, undefined]);
});

Deno.test("parseConfig() finds the OTLP routes of a Penstock by its ingest route, and guesses at no other", () => {
  assertEquals(
    accepted({ url: "http://p/base/v1/ingest/{source}" }).otlpUrl,
    "http://p/base/sources/{source}/v1/{signal}",
  );
  for (const url of ["http://p/v1/ingest/all", "http://p/v1/ingest/{source}?a=b", "http://p/"]) {
    assertEquals(accepted({ url }).otlpUrl, undefined);
  }
  const only = accept(withSink({ type: "http", otlpUrl: "http://otel:4318/v1/{signal}" }))
    .sinks[0] as HttpSinkConfig;
  assertEquals([only.url, only.otlpUrl], [undefined, "http://otel:4318/v1/{signal}"]);
});

Deno.test("parseConfig() refuses what is no URL to send to, and says what would be right", () => {
  const refused = (url: unknown, reason: string): [unknown, string] => [
    http({ url }),
    `sinks.s.url: ${JSON.stringify(url)} is not a URL to send to: ${reason}`,
  ];
  assertRefused([
    refused(4318, 'give one in quotes, such as "http://127.0.0.1:4318/v1/ingest"'),
    refused("", "it has to be like http://host:port/path"),
    refused("127.0.0.1", "it has to be like http://host:port/path"),
    refused("http://", "it has to be like http://host:port/path"),
    refused("http://up:99999/", "it has to be like http://host:port/path"),
    refused("localhost:4318/v1", "it has to begin with http:// or https://"),
    refused("ftp://up/", "it has to begin with http:// or https://"),
    refused("http://up/#a", "the part from # on would not be sent: leave it out"),
    refused("http://{source}/", "placeholders may stand behind the host only"),
    refused("http://up/{name}", "{name} is no placeholder: there is {source}"),
    refused("http://up/{source", "{source is no placeholder: there is {source}"),
    refused("http://up/v1/{signal}", "{signal} is no placeholder: there is {source}"),
    [
      http({ otlpUrl: "http://up/{x}" }),
      'sinks.s.otlpUrl: "http://up/{x}" is not a URL to send to: {x} is no placeholder: there is {source} and {signal}',
    ],
    [
      http({ url: "http://me:s3cr3t@up/" }),
      "sinks.s.url: a URL with a user name or password is not sent to: give them in a header",
    ],
  ]);
});

Deno.test("parseConfig() refuses an http sink without any URL, and one URL for every signal of OTLP", () => {
  assertRefused([
    [
      withSink({ type: "http" }),
      "sinks.s.url: is missing: give it, or otlpUrl where nothing but OTLP is sent, or both",
    ],
    [
      http({ otlpUrl: "http://up/v1/traces" }),
      'sinks.s.otlpUrl: "http://up/v1/traces" is the same for every signal: put {signal} where logs, metrics or traces ' +
      'belong, as in "http://127.0.0.1:4318/v1/{signal}"',
    ],
  ]);
});

Deno.test("parseConfig() refuses an http sink that sends to the daemon itself", () => {
  const own = (url: string, key: string, address: string) =>
    `${
      JSON.stringify(url)
    } is this daemon's own listen.${key}, "${address}", so that every record would come back for ` +
    "ever: give the address of another one, or let this one listen elsewhere";
  const config = (url: string, listen: Record<string, string>) => ({ ...http({ url }), listen });
  const cases: [url: string, listen: Record<string, string>, key: string, address: string][] = [
    ["http://127.0.0.1:4318/", {}, "http", "127.0.0.1:4318"],
    ["http://localhost:4319/", {}, "websocket", "127.0.0.1:4319"],
    ["http://127.0.0.1/", { http: "0.0.0.0:80" }, "http", "0.0.0.0:80"],
    ["https://[::1]/", { http: "[::]:443" }, "http", "[::]:443"],
    ["http://collector:1/", { websocket: "collector:1" }, "websocket", "collector:1"],
  ];
  for (const [url, listen, key, address] of cases) {
    assertEquals(refuse(config(url, listen)), [`sinks.s.url: ${own(url, key, address)}`]);
  }
  const otlpUrl = "http://127.0.0.1:4318/v1/{signal}";
  assertEquals(refuse(http({ otlpUrl })), [`sinks.s.otlpUrl: ${own(otlpUrl, "http", "127.0.0.1:4318")}`]);
  accept(config("http://other:4318/", { http: "0.0.0.0:4318" }));
  accept(config("http://127.0.0.1:4318/", { http: "127.0.0.1:0" }));
});

Deno.test("parseConfig() refuses other values of an http sink that are wrong", () => {
  assertRefused([
    [
      http({ compression: "br" }),
      'sinks.s.compression: "br" is not known here: give "none", "gzip" or "zstd"',
    ],
    [http({ maxBytes: 0 }), "sinks.s.maxBytes: 0 is too small: give at least 1B"],
    [http({ headers: [] }), "sinks.s.headers: [] is not an object: give { … }"],
    [http({ headers: { A: 1 } }), "sinks.s.headers.A: 1 is not a string: give one, in quotes"],
    [http({ caFile: "" }), 'sinks.s.caFile: "" is empty: give at least one character'],
    [
      http({ directory: "d" }),
      'sinks.s.directory: "d" is given for an unknown key: the keys here are type, url, otlpUrl, maxBytes, ' +
      "compression, headers, caFile, retry, timeout, concurrency, breaker, deadLetter",
    ],
  ]);
});

Deno.test("parseConfig() refuses headers that cannot be sent or are not the config's to say, and quotes no value", () => {
  const header = (name: string, value: string, message: string): [unknown, string] => [
    http({ headers: { [name]: value } }),
    `sinks.s.headers${/^[A-Za-z0-9_-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`}: ${message}`,
  ];
  const value = "is not the value of a header: give printable ASCII, without spaces around it";
  assertRefused([
    header("a b", "s3cr3t", '"a b" is not the name of a header: give letters, digits and "-"'),
    header("", "s3cr3t", '"" is not the name of a header: give letters, digits and "-"'),
    header("Content-Type", "s3cr3t", '"Content-Type" is a header that the sink sets by itself: leave it out'),
    header("host", "s3cr3t", '"host" is a header that the sink sets by itself: leave it out'),
    header("A", "", value),
    header("A", " s3cr3t", value),
    header("A", "s3cr3t\r\nB: 1", value),
    header("A", "s3cr3t é", value),
    header(
      "A",
      "s3cr3t ${TO-KEN}",
      'has a "${" that begins no variable: give "${NAME}" with letters, digits and "_"',
    ),
    header(
      "A",
      "s3cr3t ${",
      'has a "${" that begins no variable: give "${NAME}" with letters, digits and "_"',
    ),
  ]);
  assertEquals(refuse(http({ headers: { A: "1", a: "2" } })), [
    'sinks.s.headers.a: "a" is given as "A" already: give each header once',
  ]);
  accept(http({ headers: { A: "$5 and {this} and ${OK}${_ok2}" } }));
});

Deno.test("resolveHeaders() puts variables where they are named, and tells which parts are secret", () => {
  const sink = accepted({
    headers: { Authorization: "Bearer ${TOKEN}", "X-Two": "${A}-${TOKEN}-$A", "X-Plain": "p" },
  });
  assertEquals(variablesOf(sink), ["TOKEN", "A"]);
  const values: Record<string, string> = { TOKEN: "$& ${A}", A: "$&" };
  assertEquals(resolveHeaders(sink, (name) => values[name]), {
    headers: { Authorization: "Bearer $& ${A}", "X-Two": "$&-$& ${A}-$A", "X-Plain": "p" },
    secrets: ["$& ${A}", "$&"], // the longest first: it begins like the other one
  });
});

Deno.test("findMissingVariables() names every variable that is missing or unfit, and the header, without a value", () => {
  const config = accept(http({ headers: { A: "${GONE}", B: "${EMPTY} ${GONE} ${LINES}", C: "${FINE}" } }));
  const values: Record<string, string> = { EMPTY: "", LINES: "s3cr3t\n", FINE: "x" };
  assertEquals(findMissingVariables(config, (name) => values[name]), [
    {
      path: "sinks.s.headers.A",
      message: "the variable GONE of the environment is not set: set it, or leave the header out",
    },
    {
      path: "sinks.s.headers.B",
      message: "the variable EMPTY of the environment is empty: set it, or leave the header out",
    },
    {
      path: "sinks.s.headers.B",
      message: "the variable GONE of the environment is not set: set it, or leave the header out",
    },
    {
      path: "sinks.s.headers.B",
      message:
        "the variable LINES of the environment cannot be part of a header: give it printable ASCII, without " +
        "spaces or line ends around it",
    },
  ]);
});

Deno.test("runtimeFlags() grants an http sink its hosts, its variables and its certificates, and no more", () => {
  const flags = (sink: Record<string, unknown>) => {
    const bare = runtimeFlags(accept(minimal()), "f");
    return runtimeFlags(accept(withSink({ type: "http", ...sink })), "f").filter((flag) =>
      !bare.includes(flag)
    );
  };
  assertEquals(
    flags({ url: "http://127.0.0.1:5318/v1/ingest/{source}" }),
    ["--allow-net=127.0.0.1:5318"],
  );
  assertEquals(
    flags({
      url: "https://up/in",
      otlpUrl: "http://[::1]:43/v1/{signal}",
      headers: { A: "${TOKEN} ${TOKEN}", B: "x ${OTHER}" },
      caFile: "certs/ca.pem",
    }),
    [
      "--allow-net=up:443",
      "--allow-net=[::1]:43",
      "--allow-env=TOKEN",
      "--allow-env=OTHER",
      "--allow-read=certs/ca.pem",
    ],
  );
  assertEquals(flags({ otlpUrl: "http://up/v1/{signal}" }), ["--allow-net=up:80"]);
  const [, thread] = flags({ url: "http://up/", compression: "gzip" });
  assertMatch(thread!, /^--allow-read=\/.*\/sinks\/body_compression_worker\.ts$/);
});
