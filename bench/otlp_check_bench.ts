/**
 * How long does it take to check an OTLP request of 100 spans, alone, and to convert it to JSON?
 *
 * Usage: `deno run -A bench/otlp_check_bench.ts`
 */
import { otlpFramer } from "../collector/otlp_framing.ts";
import { otlpConversion } from "../collector/otlp_json_encoding.ts";
import { otlpJson, otlpProtobuf } from "./cases/otlp_request.ts";
import { print } from "./print.ts";
import { formatSpread, spreadOf } from "./report/statistics.ts";

const SPANS = 100;
const ROUNDS = 30;
const REPEATS = 50;

const protobuf = otlpProtobuf(SPANS);
const CASES = [
  { name: "Protobuf", encoding: "protobuf", body: protobuf, convert: false },
  { name: "JSON", encoding: "json", body: otlpJson(protobuf), convert: false },
  { name: "Protobuf, with conversion", encoding: "protobuf", body: protobuf, convert: true },
] as const;

for (const { name, encoding, body, convert } of CASES) {
  const framer = otlpFramer({ signal: "traces", encoding, onOversight: () => {} });
  const conversion = otlpConversion("traces");
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let n = 0; n < REPEATS; n++) {
      const framing = framer(body, { record: Infinity });
      if (!framing.ok) throw new Error(`The request is refused: ${name}`);
      if (convert) conversion.convert(framing.batch, { tryResize: () => true });
    }
    times.push((performance.now() - start) / REPEATS * 1_000);
  }
  print(`${name.padEnd(26)} ${formatSpread(spreadOf(times), 0)} us`);
}
