import { isSourceName } from "../collector/source_name.ts";
import { type Compression, parseFinishedName } from "./finished_name.ts";
import type { StoredFile, StoreFileSystem } from "./store_file_system.ts";

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

/** How many files are looked at side by side: each answer takes a turn of the event loop, which is busy when it matters. */
const FILES_AT_ONCE = 64;

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
  for (const { name, isDirectory } of await entriesOf(fileSystem, directory)) {
    // Others are such as lost+found, which nobody may read.
    if (isDirectory && isSourceName(name)) await scanSource(fileSystem, `${directory}/${name}`, visitor);
  }
}

async function scanSource(
  fileSystem: StoreFileSystem,
  directory: string,
  visitor: ScanVisitor,
): Promise<void> {
  const found = (await entriesOf(fileSystem, directory)).flatMap(({ name }) => {
    const parsed = parseFinishedName(name);
    return parsed === undefined ? [] : [{ path: `${directory}/${name}`, ...parsed }];
  });
  for (let at = 0; at < found.length; at += FILES_AT_ONCE) {
    await Promise.all(
      found.slice(at, at + FILES_AT_ONCE).map(async (entry) => {
        const file = await statUnlessGone(fileSystem, entry.path);
        if (file === undefined || !file.isFile) return;
        const { path, original, time, compression, temporary } = entry;
        if (temporary) visitor.temporary?.(path);
        else {
          const written = file.mtime?.getTime() ?? time;
          visitor.segment({ path, original, begun: time, written, bytes: file.size, compression });
        }
      }),
    );
  }
  visitor.sourceDone?.();
}

async function entriesOf(
  fileSystem: StoreFileSystem,
  path: string,
): Promise<Pick<Deno.DirEntry, "name" | "isDirectory">[]> {
  try {
    return await Array.fromAsync(fileSystem.readDir(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Somebody else may remove what was there a moment ago: who ships segments does. */
async function statUnlessGone(fileSystem: StoreFileSystem, path: string): Promise<StoredFile | undefined> {
  try {
    return await fileSystem.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
