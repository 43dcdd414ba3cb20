/**
 * Writes an argument the way a POSIX shell takes it for one word.
 *
 * @param argument The argument.
 * @returns The argument, in quotes where the shell would take it apart or replace something in it.
 */
export function shellWord(argument: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
