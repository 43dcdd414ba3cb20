import { closeFrame, concatenate, frame, OPCODE } from "./raw_websocket.ts";

const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG } = OPCODE;

/** The largest message in the test's config. */
export const BODY_LIMIT = 256 * 1024;

/** Bytes that break a rule, and what RFC 6455 has to be answered. */
export interface BrokenStream {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The code of the close frame that comes back. */
  readonly code: number;
}

/** Bytes that break none, and the records that they are. */
export interface WholeStream {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly records: readonly string[];
  /** Payloads of the pongs that come back. */
  readonly pongs: readonly string[];
}

const fragment = (payload: string | Uint8Array, opcode: number = CONTINUATION) =>
  frame(payload, { opcode, fin: false });
const last = (payload: string | Uint8Array) => frame(payload, { opcode: CONTINUATION });
const ping = (payload: string | Uint8Array) => frame(payload, { opcode: PING });
const closeBytes = (...payload: number[]) => frame(Uint8Array.from(payload), { opcode: CLOSE });

/** Bytes of a JSON string whose content is those. */
const quoted = (...content: number[]) => Uint8Array.of(0x22, ...content, 0x22);

/** Sequences that are not UTF-8 (RFC 3629, section 4). */
const NOT_UTF8: Readonly<Record<string, readonly number[]>> = {
  "a lone continuation": [0x80],
  "a byte that never occurs": [0xff],
  "an overlong slash": [0xc0, 0xaf],
  "half of a surrogate pair": [0xed, 0xa0, 0x80],
  "a character behind the last one": [0xf4, 0x90, 0x80, 0x80],
  "a character that lacks its end": [0xe2, 0x82],
};

function* badHeads(): Generator<BrokenStream> {
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    yield { name: `opcode ${opcode}`, bytes: frame("{}", { opcode }), code: 1002 };
    yield { name: `opcode ${opcode}, empty`, bytes: frame("", { opcode }), code: 1002 };
  }
  for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
    for (const opcode of [TEXT, BINARY, PING, CLOSE]) {
      const payload = opcode === CLOSE ? Uint8Array.of(3, 232) : "{}";
      yield {
        name: `reserved bits ${rsv} of opcode ${opcode}`,
        bytes: frame(payload, { opcode, rsv }),
        code: 1002,
      };
    }
    const bytes = concatenate([fragment("{", TEXT), frame("}", { opcode: CONTINUATION, rsv })]);
    yield { name: `reserved bits ${rsv} of a continuation`, bytes, code: 1002 };
  }
  for (const opcode of [TEXT, BINARY, PING, PONG, CLOSE]) {
    const payload = opcode === CLOSE ? Uint8Array.of(3, 232) : "{}";
    yield { name: `no mask, opcode ${opcode}`, bytes: frame(payload, { opcode, mask: false }), code: 1002 };
  }
  yield { name: "no mask, empty", bytes: frame("", { mask: false }), code: 1002 };
}

function* badControl(): Generator<BrokenStream> {
  for (const opcode of [CLOSE, PING, PONG]) {
    const large = new Uint8Array(126).fill(0x61).fill(3, 0, 1).fill(232, 1, 2);
    yield { name: `control of 126 bytes, opcode ${opcode}`, bytes: frame(large, { opcode }), code: 1002 };
    const announced = frame("", { opcode, length: 2 ** 40 });
    yield { name: `control that announces a terabyte, opcode ${opcode}`, bytes: announced, code: 1002 };
    yield { name: `control in fragments, opcode ${opcode}`, bytes: fragment("ab", opcode), code: 1002 };
  }
  yield { name: "close of one byte", bytes: closeBytes(3), code: 1002 };
  for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
    yield { name: `close with ${code}`, bytes: closeFrame(code), code: 1002 };
  }
}

function* badSequences(): Generator<BrokenStream> {
  yield { name: "a continuation of nothing", bytes: last("{}"), code: 1002 };
  yield { name: "an unfinished continuation of nothing", bytes: fragment("{}"), code: 1002 };
  const twice = concatenate([frame("1"), last("2")]);
  yield { name: "a continuation behind a message that was whole", bytes: twice, code: 1002 };
  for (const opcode of [TEXT, BINARY]) {
    const bytes = concatenate([fragment("{", TEXT), frame("}", { opcode })]);
    yield { name: `opcode ${opcode} within a message`, bytes, code: 1002 };
    const first = concatenate([fragment("", TEXT), fragment("", opcode)]);
    yield { name: `opcode ${opcode} begins within an empty message`, bytes: first, code: 1002 };
  }
}

function* badText(): Generator<BrokenStream> {
  for (const [name, bytes] of Object.entries(NOT_UTF8)) {
    const whole = quoted(...bytes);
    yield { name, bytes: frame(whole, { opcode: TEXT }), code: 1007 };
    const pieces = [...whole].map((byte, i) => fragment(Uint8Array.of(byte), i === 0 ? TEXT : CONTINUATION));
    const split = concatenate([...pieces, last("")]);
    yield { name: `${name}, each byte a fragment`, bytes: split, code: 1007 };
    const later = concatenate([fragment('"€', TEXT), ping("x"), last(Uint8Array.of(...bytes, 0x22))]);
    yield { name: `${name}, in a later fragment`, bytes: later, code: 1007 };
  }
  yield { name: "not JSON", bytes: frame("{]"), code: 1007 };
}

function* tooLarge(): Generator<BrokenStream> {
  const lengths = [
    BigInt(BODY_LIMIT) + 1n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n,
    2n ** 63n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  for (const length of lengths) {
    for (const opcode of [TEXT, BINARY]) {
      yield { name: `${length} bytes, opcode ${opcode}`, bytes: frame("", { opcode, length }), code: 1009 };
    }
  }
  const half = new Uint8Array(BODY_LIMIT / 2).fill(0x20);
  const sum = concatenate([fragment(half, TEXT), fragment(half), fragment(" ")]);
  yield { name: "fragments that are too large together", bytes: sum, code: 1009 };
}

function manyFragments(): BrokenStream {
  const bytes = new Uint8Array(100_000 * 6);
  const one = fragment("");
  for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at);
  return { name: "100 000 empty fragments", bytes: concatenate([fragment("", TEXT), bytes]), code: 1008 };
}

/** Everything that a client must not send. */
export function brokenStreams(): BrokenStream[] {
  return [...badHeads(), ...badControl(), ...badSequences(), ...badText(), ...tooLarge(), manyFragments()];
}

/** What is unusual, and allowed. */
export function wholeStreams(): WholeStream[] {
  const text = '{"café":"€ 𝄞 é"}';
  const bytes = new TextEncoder().encode(text);
  const single = [...bytes].map((byte, i) => fragment(Uint8Array.of(byte), i === 0 ? TEXT : CONTINUATION));
  const pongs = Array.from(bytes, (_, i) => `${i}`);
  const full = "p".repeat(125);
  return [
    {
      name: "characters cut in two by the end of a fragment",
      bytes: concatenate([...single, last("")]),
      records: [text],
      pongs: [],
    },
    {
      name: "a ping behind each fragment",
      bytes: concatenate([...single.flatMap((piece, i) => [piece, ping(`${i}`)]), last("")]),
      records: [text],
      pongs,
    },
    {
      name: "the largest ping, an empty one, and a pong that nobody asked for",
      bytes: concatenate([ping(full), ping(""), frame("?", { opcode: PONG }), frame("1")]),
      records: ["1"],
      pongs: [full, ""],
    },
    {
      name: "empty messages and empty fragments",
      bytes: concatenate([frame(""), fragment("", TEXT), fragment(""), last("2"), frame(new Uint8Array(0))]),
      records: ["2"],
      pongs: [],
    },
    {
      name: "a thousand fragments without a byte within a message",
      bytes: concatenate([
        fragment("[", TEXT),
        ...Array.from({ length: 1000 }, () => fragment("")),
        last("3]"),
      ]),
      records: ["[3]"],
      pongs: [],
    },
    {
      name: "lengths in more bytes than it takes, and a key of zeros",
      bytes: concatenate([
        frame("4", { lengthBytes: 2 }),
        frame("5", { lengthBytes: 8, mask: [0, 0, 0, 0] }),
      ]),
      records: ["4", "5"],
      pongs: [],
    },
    {
      name: "the largest message, as one frame and in two",
      bytes: concatenate([
        frame(`"${"x".repeat(BODY_LIMIT - 2)}"`),
        fragment(`"${"y".repeat(BODY_LIMIT / 2 - 1)}`, TEXT),
        last(`${"z".repeat(BODY_LIMIT / 2 - 1)}"`),
      ]),
      records: [
        `"${"x".repeat(BODY_LIMIT - 2)}"`,
        `"${"y".repeat(BODY_LIMIT / 2 - 1)}${"z".repeat(BODY_LIMIT / 2 - 1)}"`,
      ],
      pongs: [],
    },
  ];
}
