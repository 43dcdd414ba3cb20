import { FileSink } from "../../sinks/file.ts";
import { jsonBatch } from "./batches.ts";
import { FaultyFileSystem } from "./faulty_file_system.ts";

// A process to be killed. It writes six batches of three records to segments of four, on a disk whose syncs never return.
// The seventh batch is torn in its second segment, where it is told, and that is never cut off. Its argument is the
// directory.

const [directory = ""] = Deno.args;
const fileSystem = new FaultyFileSystem();
const sink = new FileSink({ directory, fileSystem, maxBytes: 16 });
const { signal } = new AbortController();
const never = new Promise<void>(() => {});
setInterval(() => {}, 60_000); // nothing else keeps the process alive

async function write(batch: number): Promise<void> {
  const lines = [0, 1, 2].map((record) => String(100 + 3 * batch + record));
  await sink.write(jsonBatch(lines), { source: "a", signal });
}

fileSystem.gate = async (operation) => {
  // deno-lint-ignore no-console -- who kills it waits for that
  if (operation === "truncate") console.log(`torn, with ${fileSystem.opened.size} segments open`);
  if (operation === "truncate" || operation === "syncData") await never;
};
for (let batch = 0; batch < 6; batch++) await write(batch);
const before = fileSystem.count("write");
fileSystem.faultOf = (operation) =>
  operation === "write" && fileSystem.count("write") === before + 2 ? "torn" : undefined;
await write(6);
