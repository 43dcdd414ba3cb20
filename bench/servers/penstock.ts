import { DaemonProcess } from "../../tests/e2e/daemon_process.ts";
import { filesUnder } from "../../tests/e2e/process_files.ts";
import { waitFor } from "../../tests/wait_for.ts";
import type { SourceStatus, Status } from "../../collector/status.ts";
import type { Books, Contestant } from "./contestant.ts";
import { hollow } from "./hollow.ts";

/** What a source may hold: enough for the sink never to run dry. */
const BUFFER = { records: 100_000, bytes: "64MiB" };
/** How many sources there may be. */
const MOST_SOURCES = 1100;

/** Where the daemon's records go to: the part of its config. */
type SinkConfig = Readonly<Record<string, unknown>>;

const FILES: SinkConfig = { type: "file", directory: "./data" };
/** Its standard output is /dev/null. */
const NOWHERE: SinkConfig = { type: "stdout", envelope: false };

/**
 * Starts the daemon as the start task does, with sources `bench*` that block, and of those `bench-json*` that keep OTLP as JSON.
 *
 * @param sink Where its records go to; files in `data/` when left out.
 * @returns The daemon, to be declared with `await using`.
 */
export function startDaemon(sink: SinkConfig = FILES): Promise<DaemonProcess> {
  return DaemonProcess.start({
    coverage: false,
    config: {
      limits: { sources: MOST_SOURCES },
      sources: {
        "bench-json*": { policy: "block", encoding: "json", buffer: BUFFER },
        "bench*": { policy: "block", buffer: BUFFER },
      },
      sinks: { sink },
    },
  });
}

/**
 * Removes the files that the daemon has finished, so that those to come take their memory in the kernel's cache over: where
 * a virtual machine gets new memory from its host, a page costs more than everything that is measured here.
 *
 * @param daemon The daemon.
 */
export async function removeFinishedFiles({ directory }: DaemonProcess): Promise<void> {
  const finished = filesUnder(`${directory}/data`).filter((file) => !file.endsWith(".open"));
  await Promise.all(finished.map((file) => Deno.remove(file)));
}

/**
 * Lets the system have back what the daemon's files take up, so that those to come take their memory over: finished ones
 * are removed, and those that it still writes to become hollow. Of a thousand sources none fills a file while it is measured, so
 * that the cost of new memory would show, which of a single source does not.
 *
 * @param daemon The daemon.
 */
async function tidy(daemon: DaemonProcess): Promise<void> {
  await removeFinishedFiles(daemon);
  for (const file of filesUnder(`${daemon.directory}/data`)) await hollow(file);
}

/**
 * Waits until the daemon's buffers are empty, and reads its ledger.
 *
 * @param daemon The daemon.
 * @returns What came in, over all sources.
 * @throws {Error} If a buffer does not become empty in time.
 */
export async function readBooks(daemon: DaemonProcess): Promise<Books> {
  let sources: SourceStatus[] = [];
  await waitFor(async () => {
    const status: Status = await daemon.statusJson();
    sources = Object.values(status.sources);
    return sources.every(({ buffer }) => buffer.records === 0);
  }, { what: "empty buffers", interval: 50 });
  const sum = (of: (source: SourceStatus) => number) =>
    sources.reduce((total, source) => total + of(source), 0);
  return {
    received: sum(({ ledger }) => ledger.received.records),
    lost: sum(({ ledger }) => ledger.received.records - ledger.delivered.records),
  };
}

function penstock(name: "file" | "nowhere", title: string, sink: SinkConfig): Contestant {
  return {
    name,
    title,
    takes: () => true,
    async start({ transport, path }) {
      const daemon = await startDaemon(sink);
      return {
        pid: daemon.pid,
        url: `${transport === "http" ? daemon.url : daemon.websocketUrl}${path}`,
        books: () => readBooks(daemon),
        tidy: () => tidy(daemon),
        [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
      };
    },
  };
}

/** The daemon with its own sinks. */
export const PENSTOCK: readonly Contestant[] = [
  penstock("file", "Penstock to files", FILES),
  penstock("nowhere", "Penstock to nowhere: bare records on standard output, which is /dev/null", NOWHERE),
];
