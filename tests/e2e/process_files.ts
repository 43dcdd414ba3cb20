/** Ticks per second of the times in /proc, USER_HZ: 100 on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Resident memory of a process.
 *
 * @param pid Its id.
 * @returns Bytes.
 * @throws {Error} If it has ended.
 */
export function residentBytes(pid: number): number {
  return memoryBytes(pid, "VmRSS");
}

/**
 * The most memory of a process that was ever resident.
 *
 * @param pid Its id.
 * @returns Bytes.
 * @throws {Error} If it has ended.
 */
export function peakResidentBytes(pid: number): number {
  return memoryBytes(pid, "VmHWM");
}

function memoryBytes(pid: number, field: string): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text);
  if (match === null) throw new Error(`Cannot measure memory: process ${pid} has none, it has ended`);
  return Number(match[1]) * 1024;
}

/**
 * Time of processors that a process has spent, in user and in kernel mode.
 *
 * @param pid Its id.
 * @returns Seconds.
 */
export function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // proc_pid_stat(5): the second field is a name in parentheses that may hold blanks; utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * Files in a directory, at any depth, without those whose names begin with a dot, such as the lock of a sink.
 *
 * @param directory Its path; need not exist.
 * @returns Paths, sorted.
 */
export function filesUnder(directory: string): string[] {
  const files: string[] = [];
  try {
    for (const entry of Deno.readDirSync(directory)) {
      if (entry.name.startsWith(".")) continue;
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory) files.push(...filesUnder(path));
      else files.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}
