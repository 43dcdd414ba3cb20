// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { HttpAnswerReader } from "../../bench/load/http_answer_reader.ts";

const ANSWERS = [
  'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a":"b"}\r\n',
  "HTTP/1.1 204 No Content\r\ndate: today\r\n\r\n",
  "HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 4\r\nX: content-length: 9\r\n\r\n\r\n\r\n",
];

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("HttpAnswerReader.read() tells each status once its answer is whole, wherever it was cut", () => {
  const reader = new HttpAnswerReader();
  for (const answer of ANSWERS) {
    const status = Number(answer.slice(9, 12));
    assertEquals(reader.read(bytes(answer), answer.length), status);
    for (let cut = 1; cut < answer.length; cut++) {
      assertEquals(reader.read(bytes(answer.slice(0, cut)), cut), 0);
      assertEquals(reader.read(bytes(answer.slice(cut)), answer.length - cut), status);
    }
  }
});

Deno.test("HttpAnswerReader.read() refuses what it could only misread", () => {
  const read = (text: string) => new HttpAnswerReader().read(bytes(text), text.length);
  assertThrows(
    () => read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    SyntaxError,
    "Content-Length",
  );
  assertThrows(() => read("SMTP ready, hello there\r\n\r\n"), SyntaxError, "not an HTTP answer");
  assertThrows(() => read(`${ANSWERS[1]}HTTP`), SyntaxError, "4 bytes behind the end");
});
