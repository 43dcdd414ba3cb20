import { startDaemon } from "../servers/penstock.ts";

/**
 * Measures how much memory the daemon takes up before it has received anything.
 *
 * @param starts How often it is started for that.
 * @param seconds How long it rests each time.
 * @returns Resident memory, in bytes; one for each start.
 */
export async function measureAtRest(starts: number, seconds: number): Promise<number[]> {
  const resident: number[] = [];
  for (let start = 0; start < starts; start++) {
    await using daemon = await startDaemon();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    resident.push(daemon.rss());
  }
  return resident;
}
