import { startDaemon } from "../servers/penstock.ts";

/**
 * Measures how much memory the daemon takes up before it has received anything.
 *
 * @param starts How many daemons are started for that, all at once: an idle one leaves the others alone.
 * @param seconds How long they rest.
 * @returns Resident memory, in bytes; one for each start.
 */
export function measureAtRest(starts: number, seconds: number): Promise<number[]> {
  return Promise.all(Array.from({ length: starts }, async () => {
    await using daemon = await startDaemon();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return daemon.rss();
  }));
}
