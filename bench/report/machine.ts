import type { Machine } from "./report.ts";

/**
 * Looks at the machine that this runs on.
 *
 * @returns What it is.
 */
export async function describeMachine(): Promise<Machine> {
  const cpuinfo = await Deno.readTextFile("/proc/cpuinfo");
  // Some processors do not tell their name.
  const processor = /^model name\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? Deno.build.arch;
  return {
    processor,
    cores: navigator.hardwareConcurrency,
    memory: Deno.systemMemoryInfo().total,
    system: `Linux ${Deno.osRelease().split(".").slice(0, 2).join(".")}`,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
  };
}

/**
 * @param machine A machine.
 * @returns What it is, as a sentence without its full stop.
 */
export function formatMachine({ processor, cores, memory, system, deno, v8 }: Machine): string {
  return `${processor}, ${cores} cores, ${
    Math.round(memory / 2 ** 30)
  } GiB, ${system}, Deno ${deno} (V8 ${v8})`;
}
