/**
 * Types of `deno-std/jsonc/mod.js` (`@std/jsonc`), which ships none. Signatures follow those of `jsr:@std/jsonc@1`.
 *
 * @module
 */

/** What JSON can hold. */
export type JsonValue =
  | { [key: string]: JsonValue | undefined }
  | JsonValue[]
  | string
  | number
  | boolean
  | null;

/**
 * Parses JSON with comments and trailing commas. Of a key that an object has twice, the last value wins.
 *
 * @throws {SyntaxError} If it is not that. The message ends in `at position N`, or says `unexpected end`.
 */
export function parse(text: string): JsonValue;
