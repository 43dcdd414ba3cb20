// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStrictEquals } from "@std/assert";
import { frameBinary, frameJson, frameNdjson, frameText } from "../../collector/framing.ts";
import { type Framer, framerFor, MEDIA_TYPES } from "../../collector/media_type.ts";

const UNDERSTOOD: [Framer, (string | null)[]][] = [
  [frameNdjson, [
    null,
    "",
    " ",
    "; charset=utf-8",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
  ]],
  [frameNdjson, ["application/x-ndjson; charset=utf-8", "Application/X-NDJSON", " application/jsonl "]],
  [frameJson, [
    "application/json",
    "application/json;charset=UTF-8",
    "APPLICATION/JSON ; x=y",
    "application/json;",
  ]],
  [frameText, ["text/plain", "text/plain; charset=utf-8", "Text/Plain"]],
  [frameBinary, [
    "application/octet-stream",
    "image/png",
    "image/svg+xml",
    "video/mp4; codecs=avc1",
    "Audio/OGG",
  ]],
];

const NOT_UNDERSTOOD = [
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "text/html",
  "text",
  "text/plainer",
  "application/json2",
  "application/json, text/plain",
  "application/vnd.api+json",
  "application/x-protobuf",
  "image",
  "image/",
  "image/a/b",
  "xvideo/mp4",
  "*/*",
  "constructor",
  "__proto__",
];

Deno.test("framerFor() knows the framing of every media type that is understood", () => {
  for (const [framer, types] of UNDERSTOOD) {
    for (const type of types) assertStrictEquals(framerFor(type), framer, `${type}`);
  }
});

Deno.test("framerFor() knows none of any other media type", () => {
  for (const type of NOT_UNDERSTOOD) assertStrictEquals(framerFor(type), undefined, type);
});

Deno.test("MEDIA_TYPES names nothing that is not understood", () => {
  const types = MEDIA_TYPES.split(", ").map((type) => type.replace("*", "x"));
  assertEquals(types.filter((type) => framerFor(type) === undefined), []);
});
