import type { RecordFormat } from "../collector/batch.ts";
import { isSourceName } from "../collector/source_name.ts";
import type { FileSystem } from "./file_system.ts";
import { toSinkError } from "./io_error.ts";
import { lastRecordEnd } from "./record_boundary.ts";
import { OPEN_SUFFIX, parseSegmentName, type SegmentName } from "./segment_names.ts";
import type { SinkError } from "./sink.ts";

/** Is told what was found. */
export interface RecoveryObserver {
  /** There is a segment, finished or not. */
  found(name: SegmentName): void;
  /** A segment was cut back to its last whole record and finished, or removed if there was none in it. */
  recovered(path: string, recovery: SegmentRecovery): void;
  /** A segment could not be. It stays as it is. */
  notRecovered(error: SinkError): void;
}

/** What was done to a segment. */
export interface SegmentRecovery {
  /** How many bytes were left. */
  readonly kept: number;
  /** How many were cut off. */
  readonly cut: number;
}

/**
 * Finishes the segments that were being written to when a process ended without doing so.
 *
 * @param fileSystem Where they are.
 * @param directory Of the sink; each source has a directory in it.
 * @param observer Who is told.
 * @throws {SinkError} If a directory could not be read or synced.
 */
export async function recoverSegments(
  fileSystem: FileSystem,
  directory: string,
  observer: RecoveryObserver,
): Promise<void> {
  for (const { name: source } of await entriesIn(fileSystem, directory)) {
    if (!isSourceName(source)) continue; // such as lost+found, which nobody may read
    const path = `${directory}/${source}`;
    let recovered = 0;
    for (const { name, isFile } of await entriesIn(fileSystem, path)) {
      const segment = parseSegmentName(name);
      if (segment === undefined) continue;
      observer.found(segment);
      // What a link leads to is somebody else's, and must not be cut.
      if (segment.openFormat === undefined || !isFile) continue;
      try {
        const recovery = await recoverSegment(fileSystem, `${path}/${name}`, segment.openFormat);
        observer.recovered(`${path}/${name.slice(0, -OPEN_SUFFIX.length)}`, recovery);
        recovered++;
      } catch (error) {
        observer.notRecovered(toSinkError(error, `Cannot recover '${path}/${name}'`));
      }
    }
    if (recovered === 0) continue;
    try {
      await fileSystem.syncDirectory(path);
    } catch (error) {
      throw toSinkError(error, `Cannot sync directory '${path}'`);
    }
  }
}

/** What is in a directory, by name; nothing in what is no directory. */
async function entriesIn(
  fileSystem: FileSystem,
  path: string,
): Promise<Pick<Deno.DirEntry, "name" | "isFile">[]> {
  try {
    const entries = await Array.fromAsync(fileSystem.readDir(path));
    return entries.sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return [];
    throw toSinkError(error, `Cannot read directory '${path}'`);
  }
}

async function recoverSegment(
  fileSystem: FileSystem,
  path: string,
  format: RecordFormat,
): Promise<SegmentRecovery> {
  const handle = await fileSystem.open(path, { read: true, append: true });
  try {
    const { size } = await handle.stat();
    const kept = await lastRecordEnd(handle, format, size);
    if (kept === 0) {
      await fileSystem.remove(path);
    } else {
      if (kept < size) await handle.truncate(kept);
      await handle.syncData();
      await fileSystem.rename(path, path.slice(0, -OPEN_SUFFIX.length));
    }
    return { kept, cut: size - kept };
  } finally {
    handle.close();
  }
}
