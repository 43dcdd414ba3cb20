import type { RecordFormat } from "../collector/batch.ts";
import { EXTENSIONS } from "./file_encoding.ts";

/** What the name of a segment ends with while it is written to. */
export const OPEN_SUFFIX = ".open";

const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z-(\d{4})\.(.+)$/;

const FORMATS = new Map(
  (Object.entries(EXTENSIONS) as [RecordFormat, string][]).map(([format, extension]) => [extension, format]),
);

/** What the name of a file in a source's directory says, if it is one of ours. */
export interface SegmentName {
  /** The time in it, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** The number behind the time. */
  readonly number: number;
  /** What it holds, if it was being written to; `undefined` for one that was finished, whatever was done to it since. */
  readonly openFormat: RecordFormat | undefined;
}

/**
 * Reads the name of a file.
 *
 * @param name The name, without its directory.
 * @returns What it says; `undefined` if it is none that {@linkcode SegmentNames} gives.
 */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, number, extension = ""] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time)) return undefined;
  const openFormat = extension.endsWith(OPEN_SUFFIX)
    ? FORMATS.get(extension.slice(0, -OPEN_SUFFIX.length))
    : undefined;
  return { time, number: Number(number), openFormat };
}

/**
 * Gives segments their names, `{UTC time}-{number}`, which sort as they were given out: the time in them never goes
 * back, whatever the clock does, and the number has always four digits.
 */
export class SegmentNames {
  readonly #now: () => number;
  #time = 0;
  #number = 0;

  /** @param now The wall clock, in milliseconds since the Unix epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Sees to it that all further names sort after one that is there.
   *
   * @param name What it says.
   */
  passOver({ time, number }: SegmentName): void {
    if (time < this.#time || time === this.#time && number <= this.#number) return;
    this.#time = time;
    this.#number = number;
  }

  /** The next name, without an extension. */
  next(): string {
    const now = this.#now();
    this.#number++;
    if (now > this.#time || this.#number > 9_999) {
      this.#time = Math.max(now, this.#time + 1);
      this.#number = 0;
    }
    const time = new Date(this.#time).toISOString().replaceAll(/[-:]/g, "");
    return `${time}-${String(this.#number).padStart(4, "0")}`;
  }
}
