// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { encodeRequest, type Request } from "../collector/otlp_decoder.ts";
import { waitFor } from "../wait_for.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { post } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";

/** The lines that come to be in files. */
export const LINES = Array.from({ length: 3_000 }, (_, n) => `{"n":${n},"exact":${n}.10e1,"text":"grüße"}\n`);

/** The frames that come to be in files, the first one left out. */
export const FRAMES = Array.from({ length: 20 }, (_, i) => new Uint8Array(i * 1_000).fill(i));

/** The first time in each OTLP request, in milliseconds. */
export const FIRST = 1_700_000_000_000;
/** The last one. */
export const LAST = 1_700_000_007_250;

const nano = (milliseconds: number) => `${milliseconds}000001`;
const value = { stringValue: 'not a time: "timeUnixNano":"1"' };

/** The OTLP request of each signal that comes to be in files, three times, and what it weighs. */
export const OTLP: Readonly<Record<"logs" | "metrics" | "traces", { request: Request; weight: number }>> = {
  logs: {
    weight: 2,
    request: {
      resourceLogs: [{
        scopeLogs: [{
          logRecords: [{ timeUnixNano: nano(LAST), body: value }, { observedTimeUnixNano: nano(FIRST) }],
        }],
      }],
    },
  },
  metrics: {
    weight: 2,
    request: {
      resourceMetrics: [{
        scopeMetrics: [{
          metrics: [{
            name: "m",
            sum: {
              dataPoints: [
                { startTimeUnixNano: "5", timeUnixNano: nano(FIRST), asInt: "1" },
                { startTimeUnixNano: "5", timeUnixNano: nano(LAST), asDouble: 0.5 },
              ],
            },
          }],
        }],
      }],
    },
  },
  traces: {
    weight: 1,
    request: {
      resourceSpans: [{
        scopeSpans: [{
          spans: [{
            traceId: Array.from({ length: 16 }, (_, i) => i + 1),
            spanId: [1, 2, 3, 4, 5, 6, 7, 8],
            name: "s",
            startTimeUnixNano: nano(FIRST),
            endTimeUnixNano: nano(LAST),
            attributes: [{ key: "a", value }],
          }],
        }],
      }],
    },
  },
};

/** The signals of OTLP. */
export const SIGNALS = ["logs", "metrics", "traces"] as const;

/**
 * Has a daemon make files of every format, and finish them.
 *
 * @param compression That of the files.
 * @returns The daemon, which runs, and the paths of the files.
 */
export async function filesOf(
  compression: "none" | "gzip" | "zstd",
): Promise<{ daemon: DaemonProcess; files: string[] }> {
  const suffix = { none: "", gzip: ".gz", zstd: ".zst" }[compression];
  const daemon = await DaemonProcess.start({
    config: {
      sources: { "*": { ack: "written", batch: { linger: 0 } } },
      sinks: { disk: { type: "file", directory: "./data", maxAge: "1s", compression } },
    },
  });
  const post2xx = async (source: string, body: Uint8Array<ArrayBuffer> | string, type: string) => {
    const { status, body: answer } = await post(daemon, source, body, { headers: { "Content-Type": type } });
    assertEquals(status, 200, JSON.stringify(answer));
  };
  await post2xx("lines", LINES.join(""), "application/x-ndjson");
  for (const frame of FRAMES.slice(1)) await post2xx("cam", frame, "application/octet-stream");
  for (const signal of SIGNALS) {
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${daemon.url}/sources/otlp/v1/${signal}`, {
        method: "POST",
        headers: { "Content-Type": "application/x-protobuf" },
        body: encodeRequest(signal, OTLP[signal].request),
      });
      assertEquals(response.status, 200);
      await response.body?.cancel();
    }
  }
  const data = `${daemon.directory}/data`;
  const pattern = new RegExp(`\\.(ndjson|frames|otlp)${suffix.replace(".", "\\.")}$`);
  const done = () => filesUnder(data).filter((path) => pattern.test(path));
  await waitFor(() => done().length >= 5 && filesUnder(data).length === done().length, {
    what: `files of every format, finished and compressed (${compression})`,
  });
  return { daemon, files: done() };
}
