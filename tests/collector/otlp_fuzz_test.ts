// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { fromBinary, fromJson } from "@bufbuild/protobuf";
import { REQUEST_SCHEMAS } from "../../collector/otlp_schema.ts";
import { SIGNALS } from "../../collector/otlp_signal.ts";
import { TestIngest } from "./http_ingest.ts";
import { decodeRequest, encodeRequest } from "./otlp_decoder.ts";
import { mutate, randomOf } from "./otlp_mutations.ts";
import { FULL, toJson } from "./otlp_requests.ts";
import { assertBalanced } from "./sources.ts";

const RUNS = 10_000;

/** What became of mutated requests: how many were accepted, and how many refused. */
async function send(
  path: string,
  contentType: string,
  valid: Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
): Promise<{ accepted: number; refused: number }> {
  const random = randomOf(valid.length);
  const ingest = new TestIngest({
    rules: { "*": { policy: "reject", buffer: { records: 1e9, bytes: 1e9 } } },
  });
  const counts = { accepted: 0, refused: 0 };
  const start = performance.now();
  for (let run = 0; run < RUNS; run++) {
    const mutated = mutate(valid, random);
    const request = new Request(`http://localhost${path}`, {
      method: "POST",
      body: mutated,
      headers: { "Content-Type": contentType, "Content-Length": `${mutated.length}` },
    });
    const response = await ingest.ingest.fetch(request);
    await response.bytes();
    assertEquals(response.headers.get("content-type"), contentType);
    if (response.status === 200) {
      counts.accepted++;
      decode(mutated); // or else it throws
    } else {
      assertEquals(response.status, 400);
      counts.refused++;
    }
  }
  for (const source of ingest.registry.all) {
    assertBalanced(source);
    assertEquals(source.ledger.refusals.get("invalid_record"), counts.refused);
  }
  assertEquals(ingest.defects, []);
  assert(performance.now() - start < 120_000, "it takes too long");
  return counts;
}

for (const signal of SIGNALS) {
  Deno.test(`POST /v1/${signal} accepts no mutation of ${RUNS} in Protobuf that a decoder refuses`, async () => {
    const valid = encodeRequest(signal, FULL[signal].request);
    const { accepted, refused } = await send(`/v1/${signal}`, "application/x-protobuf", valid, (bytes) => {
      decodeRequest(signal, bytes);
      fromBinary(REQUEST_SCHEMAS[signal], bytes);
    });
    // Both happen often, or this would show nothing.
    assert(accepted > 200 && refused > 5_000, `${accepted} accepted, ${refused} refused`);
  });

  Deno.test(`POST /v1/${signal} accepts no mutation of ${RUNS} in JSON that a decoder refuses`, async () => {
    const valid = new TextEncoder().encode(JSON.stringify(toJson(FULL[signal].request)));
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const { accepted, refused } = await send(`/v1/${signal}`, "application/json", valid, (bytes) => {
      const value = JSON.parse(decoder.decode(bytes));
      fromJson(REQUEST_SCHEMAS[signal], value, { ignoreUnknownFields: true });
    });
    assert(accepted > 200 && refused > 5_000, `${accepted} accepted, ${refused} refused`);
  });
}
