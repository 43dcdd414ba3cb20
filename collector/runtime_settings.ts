/**
 * Flags of the runtime that keep it small.
 *
 * V8's heap would otherwise grow by some 50 MB beside the records when thousands of requests a second are refused; with
 * these limits, small requests and messages cost some 5 % more CPU. Without the cache of compiled code, only those functions
 * are compiled that are called: 6 MB less, and a start that takes a few hundredths of a second longer. Without the middle one
 * of its compilers another 2 MB; what runs often is compiled by the best one anyway. And what the start leaves behind, 4 MB, is
 * collected once the daemon has been idle for some seconds: V8 would wait for half a minute, and may then not do it at all.
 */
export const RUNTIME_FLAGS: readonly string[] = [
  `--v8-flags=${
    [
      "--max-semi-space-size=2",
      "--heap-growing-percent=10",
      "--no-maglev",
      "--memory-reducer-delay-ms=500",
      "--gc-memory-reducer-start-delay-ms=500",
    ].join()
  }`,
  "--no-code-cache",
];

/**
 * Variables of its environment.
 *
 * Those of `malloc` make the C library (glibc; another one ignores them) give freed memory back to the system: one pool of
 * memory for all threads, and everything from 128 KiB on, such as bodies and chunks, in pages of its own. Otherwise up to 10
 * MB of what was freed stay with the process, beside the records and outside `limits.memory`. And the runtime shall not ask
 * anybody whether there is a newer one.
 */
export const RUNTIME_ENVIRONMENT: Readonly<Record<string, string>> = {
  DENO_NO_UPDATE_CHECK: "1",
  MALLOC_ARENA_MAX: "1",
  MALLOC_TOP_PAD_: "0",
  MALLOC_TRIM_THRESHOLD_: "65536",
  MALLOC_MMAP_THRESHOLD_: "131072",
};

/** The same, to stand in front of a command in a shell. */
export function environmentPrefix(): string {
  return Object.entries(RUNTIME_ENVIRONMENT).map(([name, value]) => `${name}=${value}`).join(" ");
}
