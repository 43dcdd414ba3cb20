import type { FileSink } from "../../sinks/file.ts";
import { jsonBatch } from "./batches.ts";
import { figuresOf } from "./file_sinks.ts";

const signal = new AbortController().signal;

/** Writes records that fill a segment of 4 bytes each: `100`, `101` and so on. */
export async function fill(sink: FileSink, records: number, from = 0): Promise<void> {
  for (let n = from; n < from + records; n++) {
    await sink.write(jsonBatch([String(100 + n)]), { source: "a", signal });
  }
}

/** What is in the segments that {@linkcode fill} has filled. */
export function filled(records: number): string[] {
  return Array.from({ length: records }, (_, n) => `${100 + n}\n`);
}

/** Lets everything happen that waits for no file. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** How many files of a sink are open, and how many of those are full. */
export function openAndFull(sink: FileSink): number[] {
  const { open_files, full_files } = figuresOf(sink);
  return [open_files!, full_files!];
}
