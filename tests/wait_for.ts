/** Options of {@linkcode waitFor}. */
export interface WaitForOptions {
  /** What is waited for, as in "Waited ... for {what}". */
  what: string;
  /**
   * How long to wait at most, in milliseconds.
   *
   * @default {20000}
   */
  timeout?: number;
  /**
   * How long to wait between two looks, in milliseconds.
   *
   * @default {20}
   */
  interval?: number;
}

/**
 * Waits in real time until something is the case: for what another process does, where no promise says when.
 *
 * @param condition Whether it is the case. Looked at least once, and once more after the timeout.
 * @param options `what`, `timeout`, `interval`.
 * @throws {Error} Naming `what`, if the timeout passes before.
 */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  options: WaitForOptions,
): Promise<void> {
  const { what, timeout = 20_000, interval = 20 } = options;
  const start = performance.now();
  for (let last = false;; last = performance.now() - start >= timeout) {
    if (await condition()) return;
    if (last) throw new Error(`Waited ${timeout} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}
