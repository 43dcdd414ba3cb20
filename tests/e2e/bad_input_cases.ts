import type { BadInput } from "./bad_input.ts";

const encoder = new TextEncoder();
const MIB = 2 ** 20;

/** The limit of a record in the test's config. */
export const RECORD_LIMIT = 64 * 1024;
/** The default limit of a body. */
export const BODY_LIMIT = 8 * MIB;

/** A good record that comes before every bad one: nothing of the request may be kept. */
export const GOOD = '{"ok":1}\n';

/** Lines that are not JSON, each with the offset of the first byte that is wrong. */
const BAD_LINES: readonly (readonly [line: string, offset: number])[] = [
  ["{", 1],
  ['{"a"}', 4],
  ['{"a":}', 5],
  ['{"a":1,}', 7],
  ['{"a":1 "b":2}', 7],
  ["{a:1}", 1],
  ["{'a':1}", 1],
  ['{"a":1}}', 7],
  ["{} {}", 3],
  ["[1,]", 3],
  ["[1 2]", 3],
  ["[1}", 2],
  ["[", 1],
  ["]", 0],
  ["01", 1],
  ["+1", 0],
  [".5", 0],
  ["1.", 2],
  ["1e", 2],
  ["-", 1],
  ["0x10", 1],
  ["NaN", 0],
  ["-Infinity", 1],
  ["undefined", 0],
  ["True", 0],
  ["tru", 3],
  ["nulL", 3],
  ['"abc', 4],
  ['"\\x41"', 2],
  ['"\\u12g4"', 5],
  ['"a\tb"', 2],
  ['"a\u0000b"', 2],
  ["\u0000", 0],
  ["// comment", 0],
  ["1 /* comment */", 2],
  ["<xml/>", 0],
  ["hello", 0],
];

/** Bytes in a string that are not UTF-8. */
const BAD_UTF8: readonly (readonly [name: string, bytes: readonly number[], offset?: number])[] = [
  ["a lone continuation", [0x80]],
  ["an overlong slash of two bytes", [0xc0, 0xaf]],
  ["an overlong slash of three bytes", [0xe0, 0x80, 0xaf]],
  ["an overlong slash of four bytes", [0xf0, 0x80, 0x80, 0xaf]],
  ["an overlong NUL", [0xc0, 0x80]],
  ["a high surrogate", [0xed, 0xa0, 0x80]],
  ["a low surrogate", [0xed, 0xb0, 0x80]],
  ["a pair of surrogates (CESU-8)", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
  ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["a truncated euro sign", [0xe2, 0x82]],
  ["a truncated emoji", [0xf0, 0x9f, 0x98]],
  ["0xFF", [0xff]],
  ["Latin-1", [0xe9]],
  ["a bad byte after a good character", [0xc3, 0xa9, 0xfe], 2],
];

/** Joins bytes and texts. */
export function concat(...parts: (string | Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => Array.from(typeof part === "string" ? encoder.encode(part) : part)),
  );
}

/** Bodies that are not what their content type says. */
export function badBodies(): BadInput[] {
  const invalid = (
    name: string,
    body: string | Uint8Array,
    record: number,
    offset: number,
    type?: string,
  ) => ({
    name,
    body,
    headers: type === undefined ? {} : { "Content-Type": type },
    answer: { status: 400, code: "invalid_record", details: { record, offset } },
  });
  const json = "application/json";
  const utf16 = [0xff, 0xfe, ...Array.from('{"a":1}\n', (c) => [c.charCodeAt(0), 0]).flat()];
  return [
    ...BAD_LINES.map(([line, at]) =>
      invalid(`NDJSON with ${JSON.stringify(line)}`, `${GOOD}${line}\n{}\n`, 2, GOOD.length + at)
    ),
    ...BAD_UTF8.map(([name, bytes, at = 0]) =>
      invalid(`NDJSON with ${name}`, concat(GOOD, '{"a":"', bytes, '"}\n'), 2, GOOD.length + 6 + at)
    ),
    invalid("text with bytes that are not UTF-8", concat("one\ntwo ", [0xff], "\n"), 2, 8, "text/plain"),
    invalid("a byte order mark", concat([0xef, 0xbb, 0xbf], GOOD), 1, 0),
    invalid("a byte order mark before an array", concat([0xef, 0xbb, 0xbf], "[1]"), 1, 0, json),
    invalid("UTF-16", concat(utf16), 1, 0),
    invalid("a body of NUL bytes", new Uint8Array(1000), 1, 0),
    invalid("a line that breaks off at the end of the body", `${GOOD}{"a":`, 2, GOOD.length + 5),
    invalid("JSON with no value at all", " \r\n", 1, 3, json),
    invalid("an empty body of JSON", "", 1, 0, json),
    invalid("an array that is not closed", "[1,2", 2, 4, json),
    invalid("an array with a comma too many", "[1,2,]", 3, 5, json),
    invalid("an array with garbage behind it", "[1,2]x", 3, 5, json),
    invalid("an object with a bracket too many", '{"a":1}]', 2, 7, json),
    invalid("arrays nested 513 deep", "[".repeat(513) + "]".repeat(513), 1, 512),
    invalid("objects nested 513 deep", '{"a":'.repeat(513) + "1" + "}".repeat(513), 1, 512 * 5, json),
    {
      ...invalid("a stream with a bad record", `${GOOD}{}\n[1,]\n`, 3, GOOD.length + 6),
      chunked: true,
      answer: {
        status: 400,
        code: "invalid_record",
        details: { record: 3, offset: GOOD.length + 6, accepted: 0, dropped: 0, evicted: 0 },
      },
    },
    ...tooLarge(),
  ];
}

function tooLarge(): BadInput[] {
  const large = (
    name: string,
    body: string,
    details: Record<string, unknown>,
    more: Partial<BadInput> = {},
  ) => ({
    name,
    body,
    ...more,
    answer: { status: 413, code: "too_large", details },
  });
  const none = { accepted: 0, dropped: 0, evicted: 0 };
  const line = JSON.stringify("x".repeat(RECORD_LIMIT)) + "\n";
  const record = { record: 2, offset: GOOD.length, limit: RECORD_LIMIT };
  const tiny = (buffer: "records" | "bytes") => ({ path: `/v1/ingest/tiny-${buffer}` });
  return [
    large("a record over the limit", GOOD + line, record),
    large("a record over the limit in an array", `[1,${line}]`, { ...record, offset: 3 }, {
      headers: { "Content-Type": "application/json" },
    }),
    large("a line of text over the limit", `one\n${line}`, { ...record, offset: 4 }, {
      headers: { "Content-Type": "text/plain" },
    }),
    large("a frame over the limit", line, { record: 1, offset: 0, limit: RECORD_LIMIT }, {
      headers: { "Content-Type": "image/jpeg" },
    }),
    large("a record over the limit in a stream", line, { ...record, record: 1, offset: 0, ...none }, {
      chunked: true,
    }),
    large("a body over the limit", "1\n".repeat(BODY_LIMIT / 2) + "\n", { limit: BODY_LIMIT }),
    large("a chunked body over the limit", "1,".repeat(BODY_LIMIT / 2) + "1", { limit: BODY_LIMIT }, {
      headers: { "Content-Type": "application/json" },
      chunked: true,
    }),
    large(
      "more records than the buffer holds",
      "1\n".repeat(11),
      { limit: { records: 10, bytes: MIB } },
      tiny("records"),
    ),
    large("more bytes than the buffer holds", `"${"x".repeat(1022)}"\n`, {
      limit: { records: 1000, bytes: 1024 },
    }, tiny("bytes")),
  ];
}
