import type { BadInput, BadInputAnswer } from "./bad_input.ts";

/** The most sources in the test's config, all of which exist before the first case. */
export const SOURCES = 4;

const HEAD = "POST /v1/ingest/in HTTP/1.1\r\nHost: x\r\n";

/** What is no HTTP/1.1, or lies about its body. The server answers most of it itself, and always hangs up. */
export function badHttp(): BadInput[] {
  const refused = (name: string, raw: string | Uint8Array): BadInput => ({
    name,
    raw,
    answer: { status: 400, headers: { connection: "close" } },
  });
  const withLength = (value: string) =>
    refused(`Content-Length ${value}`, `${HEAD}Content-Length: ${value}\r\n\r\n{}\n`);
  const chunks = (name: string, body: string): BadInput => ({
    name,
    raw: `${HEAD}Transfer-Encoding: chunked\r\n\r\n${body}`,
    answer: "hang-up",
  });
  const brokenOff = (
    name: string,
    head: string,
    body: string,
    details: Record<string, unknown> = {},
  ): BadInput => ({
    name,
    raw: `${HEAD}${head}\r\n\r\n${body}`,
    fin: true,
    answer: { status: 400, code: "incomplete_body", details },
  });
  const none = { accepted: 0, dropped: 0, evicted: 0 };
  const tooLarge = { status: 413, code: "too_large", details: { limit: 8 * 2 ** 20 } };
  return [
    ...["-1", "abc", "+3", "0x3", "3.0", "", "3, 3", "3 3", "99999999999999999999999"].map(withLength),
    refused("two different Content-Lengths", `${HEAD}Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}\n\n`),
    refused(
      "Content-Length and Transfer-Encoding",
      `${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n`,
    ),
    refused(
      "Transfer-Encoding and Content-Length",
      `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n`,
    ),
    refused(
      "a Transfer-Encoding that does not end",
      `${HEAD}Transfer-Encoding: gzip\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n`,
    ),
    refused(
      "Transfer-Encoding in HTTP/1.0",
      HEAD.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    {
      name: "a Content-Length of 2^63",
      raw: `${HEAD}Content-Length: 9223372036854775808\r\n\r\n{}\n`,
      answer: tooLarge,
    },
    {
      name: "a Content-Length of 1 TiB",
      raw: `${HEAD}Content-Length: 1099511627776\r\n\r\n{}\n`,
      answer: tooLarge,
    },
    chunks("a chunk size that is no number", "zz\r\n{}\n\r\n0\r\n\r\n"),
    chunks("a negative chunk size", "-3\r\n{}\n\r\n0\r\n\r\n"),
    chunks("a chunk size beyond 64 bits", "fffffffffffffffff\r\n{}\n\r\n0\r\n\r\n"),
    chunks("a chunk longer than its size", "3\r\n{}\nXX\r\n0\r\n\r\n"),
    chunks("a chunk size without a line end", "3" + "0".repeat(100_000)),
    brokenOff("a body that breaks off", "Content-Length: 30", "{}\n"),
    brokenOff("a large body that breaks off", "Content-Length: 300000", "{}\n"),
    brokenOff("a chunked body that breaks off", "Transfer-Encoding: chunked", "30\r\n{", none),
    brokenOff(
      "a chunked array that breaks off",
      "Content-Type: application/json\r\nTransfer-Encoding: chunked",
      "3\r\n[1,\r\n",
    ),
    refused("a TLS handshake", Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...new Uint8Array(500))),
    refused("a line of text", "hello, is it me you're looking for?\r\n\r\n"),
    refused("syslog", "<34>1 2026-01-01T00:00:00Z web01 su - - - 'su root' failed\r\n\r\n"),
    refused("HTTP/9.9", HEAD.replace("1.1", "9.9") + "Content-Length: 3\r\n\r\n{}\n"),
    refused("two Host headers", `${HEAD}Host: y\r\nContent-Length: 3\r\n\r\n{}\n`),
    refused("a header without a colon", `${HEAD}Bad Header\r\n\r\n`),
    refused("a header with a NUL byte", `${HEAD}X: a\0b\r\n\r\n`),
    refused("a folded header", `${HEAD}X: a\r\n b\r\nContent-Length: 3\r\n\r\n{}\n`),
    refused("a space before the colon", `${HEAD}Content-Length : 3\r\n\r\n{}\n`),
    refused("a header of 1 MiB", `${HEAD}X: ${"x".repeat(2 ** 20)}\r\n\r\n`),
    refused("200 headers", `${HEAD}${Array.from({ length: 200 }, (_, i) => `X${i}: 1\r\n`).join("")}\r\n`),
    refused("a URL of 70 000 bytes", `POST /v1/ingest/${"a".repeat(70_000)} HTTP/1.1\r\nHost: x\r\n\r\n`),
    refused(
      "a URL that is only an authority",
      "POST example.com:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}\n",
    ),
    { name: "nothing but the end", raw: "", fin: true, answer: "hang-up" },
    { name: "a head that breaks off", raw: HEAD, fin: true, answer: "hang-up" },
    {
      name: "HTTP/1.0 with a bad record",
      raw: HEAD.replace("1.1", "1.0") + "Content-Length: 2\r\n\r\n[,",
      answer: { status: 400, code: "invalid_record", details: { record: 1, offset: 1 } },
    },
    {
      name: "a bad record to an absolute URL",
      raw: "POST http://elsewhere.example/v1/ingest/in HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[,",
      answer: { status: 400, code: "invalid_record", details: { record: 1, offset: 1 } },
    },
    {
      name: "an absolute URL of no route",
      raw: "POST http://elsewhere.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}\n",
      answer: { status: 404, code: "not_found" },
    },
    {
      name: "CONNECT",
      raw: "CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n",
      answer: { status: 404, code: "not_found" },
    },
  ];
}

const BODY = "{}\n";

/** Names that no source can have or that none has, and routes that there are not. */
export function badPaths(): BadInput[] {
  const to = (answer: BadInputAnswer) => (path: string): BadInput => ({
    name: `path ${path.slice(0, 60)}`,
    path,
    body: BODY,
    answer,
  });
  const names = [
    ..."../in %2e%2e%2fin %2e%2e %2E%2E%2F%2E%2E%2Fetc%2Fpasswd ..%5c..%5cin in%2fin in%2f..%2fin in%00 %00in in%0a"
      .split(" ").slice(1),
    ..."in%0d%0aX:y in%20in .hidden . .. -in _in in;x in:x in|in in*in * %ff %zz %E0%A4%A ü %C3%BC in%E2%80%8B 日本 __proto__"
      .split(" "),
    "i".repeat(129),
    "i".repeat(10_000),
    `in${"%41".repeat(127)}`,
  ];
  const unknown = ["unknown", "IN", "in2", "constructor", "toString", "0", "i".repeat(128)];
  const routes = [
    ..."/ // /v1 /v1/ingest /v1/ingest/ /v1/ingest/in/ /v1/ingest/in/in /v1/ingest/../in /v1/ingest/../../in"
      .split(" "),
    ..."/V1/INGEST/in /v1//ingest/in /./v1/ingest/in /v1%2fingest%2fin /v1/logs2 /healthz /status /metrics"
      .split(" "),
    "/?/v1/ingest/in",
    "/#/v1/ingest/in",
  ];
  return [
    ...names.map((name) => to({ status: 400, code: "invalid_source_name" })(`/v1/ingest/${name}`)),
    ...unknown.map((name) => to({ status: 404, code: "unknown_source" })(`/v1/ingest/${name}`)),
    ...routes.map(to({ status: 404, code: "not_found" })),
    to({ status: 404, code: "unknown_source" })("/v1/ingest/unknown?source=in"),
    to({ status: 429, code: "too_many_sources", details: { limit: SOURCES } })("/v1/ingest/many-2"),
    {
      name: "a query string does not hide a bad record",
      path: "/v1/ingest/in?x=1&y=../..",
      body: "{",
      answer: { status: 400, code: "invalid_record", details: { record: 1, offset: 1 } },
    },
  ];
}

/** Methods, content types and codings that are not understood. */
export function badHeads(): BadInput[] {
  const method = (method: string): BadInput => ({
    name: `method ${method}`,
    method,
    answer: { status: 405, code: "method_not_allowed", headers: { allow: "POST" } },
  });
  const unsupported = (
    name: string,
    headers: BadInput["headers"],
    answered: Record<string, string> = {},
  ): BadInput => ({
    name: `${name} ${JSON.stringify(headers)}`,
    headers: headers!,
    body: BODY,
    answer: { status: 415, code: "unsupported_media_type", headers: answered },
  });
  const types = [
    "application/xml",
    "application/json2",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/html",
    "text",
    "json",
    "image/",
    "image/a/b",
    "/",
    "*/*",
    "application/json, text/plain",
    "application / json",
  ];
  const codings = [
    "compress",
    "gzip2",
    "lz4",
    "snappy",
    "gzip, gzip",
    "gzip, br",
    "identity, gzip",
    "gzip;q=1",
    "*",
    "g zip",
  ];
  const known = { "accept-encoding": "gzip, deflate, br, zstd" };
  return [
    ..."GET HEAD PUT DELETE OPTIONS PATCH TRACE PURGE post".split(" ").map(method),
    {
      name: "a WebSocket upgrade",
      answer: { status: 426, code: "upgrade_required", headers: { upgrade: "websocket" } },
      raw: "GET /v1/ingest/in HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    },
    ...types.map((type) => unsupported("content type", { "Content-Type": type })),
    unsupported("two content types", [["Content-Type", "application/json"], ["Content-Type", "text/plain"]]),
    ...codings.map((coding) => unsupported("coding", { "Content-Encoding": coding }, known)),
    unsupported("two codings", [["Content-Encoding", "gzip"], ["Content-Encoding", "gzip"]], known),
  ];
}
