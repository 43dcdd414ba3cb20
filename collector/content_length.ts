const ZERO = 0x30;

/**
 * Reads a `Content-Length` header. `Number()` of a text that is new with each request is a call into the runtime, which
 * takes as long as to find out who it is for.
 *
 * @param text The header, `null` where there is none.
 * @returns The length in bytes; nothing where there is no header, or more in it than digits. The server lets it pass that a length
 *   is told twice (`5, 5`): such a body is read as one whose length nobody knows.
 */
export function parseContentLength(text: string | null): number | undefined {
  if (text === null) return undefined;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    length = 10 * length + digit;
  }
  return length;
}
