import type { SinkError } from "./sink.ts";

/** What somebody else did to a segment while it was written to. */
export type SegmentDamage = "removed" | "moved" | "truncated" | "extended";

/** Is told what becomes of segments. */
export interface SegmentObserver {
  /** The data of a segment is on the medium. */
  synced(): void;
  /** The data of a segment, or its name, may not be, nor ever come to be, on the medium. */
  syncFailed(error: SinkError): void;
  /** Nobody who waited for a sync was told that it failed, and nobody else can be any more. */
  unsynced(error: SinkError): void;
  /** Somebody else changed a segment; so many of the bytes that were in it are gone. */
  damaged(path: string, damage: SegmentDamage, lost: number): void;
  /** A segment is about to get its name; told again with each attempt. */
  naming(path: string): void;
  /** A segment does not get it after all: nothing is in it, or somebody has moved it elsewhere. */
  notNamed(path: string): void;
  /** A segment of that many bytes has its name, and will not be changed any more. */
  finished(path: string, bytes: number): void;
}
