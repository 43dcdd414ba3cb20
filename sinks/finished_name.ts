import { EXTENSIONS } from "./file_encoding.ts";
import { parseSegmentName } from "./segment_names.ts";

/** How a finished segment is compressed. */
export type Compression = "none" | "gzip" | "zstd";

/** What the name of a segment ends with once it is compressed. */
export const COMPRESSED_SUFFIXES = { gzip: ".gz", zstd: ".zst" } as const satisfies Record<
  Exclude<Compression, "none">,
  string
>;

/** What the name ends with besides while the compressed segment is not whole. No shipper takes it. */
export const TEMPORARY_SUFFIX = ".tmp";

/** What the name of a file says that is, or was to become, a finished segment. */
export interface FinishedName {
  /** The time in it, which is when the segment was begun, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** The name without what compression has added. */
  readonly original: string;
  readonly compression: Compression;
  /** Whether it is what a compression has left behind that did not come to its end. */
  readonly temporary: boolean;
}

const EXTENSION = Object.values(EXTENSIONS).map((extension) => extension.replaceAll(".", "\\.")).join("|");
const NAME = new RegExp(`^([^.]*\\.[^.]*\\.(?:${EXTENSION}))(?:(\\.gz|\\.zst)(\\.tmp)?)?$`);

/**
 * Reads the name of a file.
 *
 * @param name The name, without its directory.
 * @returns What it says; `undefined` if it is no finished segment: one that is being written to, or no segment at all.
 */
export function parseFinishedName(name: string): FinishedName | undefined {
  const segment = parseSegmentName(name);
  const match = NAME.exec(name);
  if (segment === undefined || match === null) return undefined;
  const [, original = "", suffix, temporary] = match;
  const compression = suffix === undefined ? "none" : suffix === COMPRESSED_SUFFIXES.gzip ? "gzip" : "zstd";
  return { time: segment.time, original, compression, temporary: temporary !== undefined };
}
