/** What a source may be called, in words for error messages. */
export const SOURCE_NAME_RULE =
  "1 to 128 letters, digits, dots, underscores and hyphens, a letter or digit first";

/** Source names become file names, so nothing that means something in a path gets through. */
const SOURCE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * Says whether a source may be called so.
 *
 * @param name The name.
 * @returns Whether it may.
 */
export function isSourceName(name: string): boolean {
  return SOURCE_NAME.test(name);
}
