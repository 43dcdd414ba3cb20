import { brotliCompressSync, constants, createGzip, createZstdCompress } from "node:zlib";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Readable, type Transform } from "node:stream";
import type { BadInput } from "./bad_input.ts";
import { BODY_LIMIT, concat, GOOD, RECORD_LIMIT } from "./bad_input_cases.ts";

const MIB = 2 ** 20;

const CODINGS = {
  gzip: (body: Uint8Array) => gzipSync(body),
  deflate: (body: Uint8Array) => deflateSync(body),
  br: (body: Uint8Array) => brotliCompressSync(body),
  zstd: (body: Uint8Array) => zstdCompressSync(body),
};

/** Bodies that are not what their content coding says. */
export function badCodings(): BadInput[] {
  const cases: BadInput[] = [];
  const good = concat(GOOD.repeat(100));
  for (const [coding, encode] of Object.entries(CODINGS)) {
    const add = (
      name: string,
      body: Uint8Array | string,
      chunked = false,
      streamed = chunked && coding !== "br" && coding !== "zstd",
    ) =>
      cases.push({
        name: `${coding}: ${name}${chunked ? ", chunked" : ""}`,
        body,
        headers: { "Content-Encoding": coding },
        chunked,
        answer: {
          status: 400,
          code: "invalid_encoding",
          details: streamed ? { accepted: 0, dropped: 0, evicted: 0 } : {},
        },
      });
    const coded = new Uint8Array(encode(good));
    const flipped = coded.slice();
    flipped[flipped.length >> 1]! ^= 0xff;
    for (const chunked of [false, true]) {
      add("no such body", GOOD, chunked);
      add("an empty body", "", chunked);
      add("a body that breaks off", coded.slice(0, -5), chunked);
      // A stream of deflate is admitted before what follows its end is seen.
      if (!chunked || coding !== "deflate") add("garbage behind the body", concat(coded, "garbage"), chunked);
    }
    if (coding === "gzip" || coding === "deflate") add("a body with a byte flipped", flipped);
    add("only the first byte", coded.slice(0, 1));
  }
  const wrongCoding = (name: string, coding: string, body: Uint8Array): BadInput => ({
    name,
    body,
    headers: { "Content-Encoding": coding },
    answer: { status: 400, code: "invalid_encoding" },
  });
  const invalid = (
    name: string,
    body: Uint8Array,
    headers: Record<string, string>,
    record: number,
    offset: number,
  ) => ({
    name,
    body,
    headers,
    answer: { status: 400, code: "invalid_record", details: { record, offset } },
  });
  cases.push(
    wrongCoding("gzip under the name of deflate", "deflate", gzipSync(good)),
    wrongCoding("deflate under the name of gzip", "gzip", deflateSync(good)),
    wrongCoding("gzip under the name of zstd", "zstd", gzipSync(good)),
    wrongCoding("zstd under the name of br", "br", zstdCompressSync(good)),
    invalid("gzip without its name", gzipSync(good), {}, 1, 0),
    invalid("gzip twice", gzipSync(gzipSync(good)), { "Content-Encoding": "gzip" }, 1, 0),
    invalid(
      "a bad record in gzip",
      gzipSync(`${GOOD}[1,]\n`),
      { "Content-Encoding": "gzip" },
      2,
      GOOD.length + 3,
    ),
    invalid(
      "a bad record in zstd",
      zstdCompressSync(`${GOOD}[1,]\n`),
      { "Content-Encoding": "zstd" },
      2,
      GOOD.length + 3,
    ),
  );
  return cases;
}

/** A gibibyte of NUL bytes, compressed as it is made. */
async function bomb(compressor: Transform): Promise<Uint8Array> {
  const zeros = new Uint8Array(MIB);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of Readable.from(Array.from({ length: 1024 }, () => zeros)).pipe(compressor)) {
    pieces.push(piece);
  }
  return await new Blob(pieces).bytes();
}

/** Small bodies that become a gibibyte. */
export async function bombs(): Promise<BadInput[]> {
  const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
  const bodies = { gzip: await bomb(createGzip({ level: 1 })), zstd: await bomb(createZstdCompress(level)) };
  return Object.entries(bodies).flatMap(([coding, body]) => {
    const headers = { "Content-Encoding": coding };
    const answer = { status: 413, code: "too_large", details: { limit: BODY_LIMIT } };
    const streamed = {
      status: 413,
      code: "too_large",
      details: { record: 1, offset: 0, limit: RECORD_LIMIT, accepted: 0, dropped: 0, evicted: 0 },
    };
    return [
      { name: `a ${coding} bomb`, body, headers, answer },
      {
        name: `a ${coding} bomb of JSON`,
        body,
        headers: { ...headers, "Content-Type": "application/json" },
        answer,
      },
      {
        name: `a ${coding} bomb in a stream`,
        body,
        headers,
        chunked: true,
        answer: coding === "gzip" ? streamed : answer,
      },
    ];
  });
}
