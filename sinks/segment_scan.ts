import { isSourceName } from "../collector/source_name.ts";
import { type Compression, parseFinishedName } from "./finished_name.ts";
import type { StoreFileSystem } from "./store_file_system.ts";

/** A finished segment, as it is on the disk. */
export interface StoredSegment {
  readonly path: string;
  /** Its name without what compression has added, so that names of one source sort as the segments were begun. */
  readonly original: string;
  /** When it was begun, as its name says, in milliseconds since the Unix epoch. */
  readonly begun: number;
  /** When it was last written to, likewise; compression keeps that. */
  readonly written: number;
  readonly bytes: number;
  readonly compression: Compression;
}

/** Is told what there is in a directory of segments. */
export interface ScanVisitor {
  /** A finished segment. */
  segment(segment: StoredSegment): void;
  /** What a compression has left behind that did not come to its end. */
  temporary?(path: string): void;
  /** A source's directory is done with. */
  sourceDone?(): void;
}

/**
 * Looks at everything in the directory of a file sink, `{directory}/{source}/{segment}`. Links are not followed, and
 * what has not the name of a source or segment is passed over.
 *
 * @param fileSystem Where it is.
 * @param directory The directory; it may not be there.
 * @param visitor Is told what there is.
 * @throws {Error} If a directory cannot be read.
 */
export async function scanSegments(
  fileSystem: StoreFileSystem,
  directory: string,
  visitor: ScanVisitor,
): Promise<void> {
  for await (const { name: source } of entriesOf(fileSystem, directory)) {
    if (!isSourceName(source)) continue; // such as lost+found, which nobody may read
    const path = `${directory}/${source}`;
    const isDirectory = await unlessGone(async () => (await fileSystem.stat(path)).isDirectory);
    if (isDirectory) await scanSource(fileSystem, path, visitor);
  }
}

async function scanSource(
  fileSystem: StoreFileSystem,
  directory: string,
  visitor: ScanVisitor,
): Promise<void> {
  for await (const { name } of entriesOf(fileSystem, directory)) {
    const parsed = parseFinishedName(name);
    if (parsed === undefined) continue;
    const path = `${directory}/${name}`;
    const file = await unlessGone(() => fileSystem.stat(path));
    if (file === undefined || !file.isFile) continue;
    const { original, time, compression, temporary } = parsed;
    if (temporary) visitor.temporary?.(path);
    else {
      const written = file.mtime?.getTime() ?? time;
      visitor.segment({ path, original, begun: time, written, bytes: file.size, compression });
    }
  }
  visitor.sourceDone?.();
}

async function* entriesOf(
  fileSystem: StoreFileSystem,
  path: string,
): AsyncGenerator<Pick<Deno.DirEntry, "name">> {
  try {
    yield* fileSystem.readDir(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Somebody else may remove what was there a moment ago: who ships segments does. */
async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
