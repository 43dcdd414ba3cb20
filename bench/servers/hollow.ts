/**
 * The system call that makes holes in files. Linux with glibc, as all of what is measured here.
 *
 * @module
 */

const O_WRONLY = 1;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
/** More bytes than any file here has. */
const ALL = 2n ** 40n;

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32", nonblocking: true },
  close: { parameters: ["i32"], result: "i32" },
}).symbols;

const encoder = new TextEncoder();

/**
 * Lets the system have back what a file takes up in memory and on the disk. The file keeps its size, and reads as zeros; a
 * program that appends to it notices nothing.
 *
 * @param path The file.
 * @returns Whether it is hollow; not so where there is no such file any more, or its file system cannot do that.
 */
export async function hollow(path: string): Promise<boolean> {
  const file = libc.open(encoder.encode(`${path}\0`), O_WRONLY);
  if (file < 0) return false;
  try {
    return await libc.fallocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0n, ALL) === 0;
  } finally {
    libc.close(file);
  }
}
