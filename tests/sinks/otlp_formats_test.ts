// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FileSink } from "../../sinks/file.ts";
import { StdoutSink } from "../../sinks/stdout.ts";
import { batchOf } from "./batches.ts";

const { signal } = new AbortController();
const FORMATS = ["otlp-logs", "otlp-metrics", "otlp-traces"] as const;
const MESSAGES = [Uint8Array.of(10, 0), new Uint8Array(300).fill(7)];

Deno.test("FileSink writes OTLP messages behind their lengths, and each signal to files of its own", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const sink = new FileSink({ directory });
    for (let round = 0; round < 2; round++) {
      for (const format of FORMATS) await sink.write(batchOf(format, MESSAGES), { source: "a", signal });
    }
    await sink.close();
    const files = await Array.fromAsync(Deno.readDir(`${directory}/a`), ({ name }) => name);
    assertEquals(files.map((name) => name.split("-")[1]!.slice(5)).sort(), [
      "logs.otlp",
      "metrics.otlp",
      "traces.otlp",
    ]);
    const once = [0, 0, 0, 2, 10, 0, 0, 0, 1, 44, ...MESSAGES[1]!];
    for (const name of files) {
      assertEquals([...await Deno.readFile(`${directory}/a/${name}`)], [...once, ...once]);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("StdoutSink writes OTLP messages as base64", async () => {
  for (const format of FORMATS) {
    let text = "";
    const writer = {
      write: (data: Uint8Array) => {
        text += new TextDecoder().decode(data);
        return Promise.resolve(data.length);
      },
    };
    const sink = new StdoutSink({ writer, envelope: false });
    await sink.write(batchOf(format, MESSAGES), { source: "a", signal });
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines, MESSAGES.map((message) => ({ record: message.toBase64() })));
  }
});
