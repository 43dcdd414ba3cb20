// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { resolve } from "node:path";
import type { SegmentReport } from "../../collector/inspect/segment_report.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * Makes the command that runs `main.ts inspect`, for at most a minute.
 *
 * @param args Its arguments.
 * @param permissions Those of Deno.
 * @returns The command, not yet run.
 */
export function inspectCommand(args: readonly string[], permissions = ["--allow-read"]): Deno.Command {
  const coverage = Deno.env.get("DENO_COVERAGE_DIR");
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--config",
      `${ROOT}deno.json`,
      ...permissions,
      `${ROOT}main.ts`,
      "inspect",
      ...args,
    ],
    env: { NO_COLOR: "1", ...(coverage !== undefined && { DENO_COVERAGE_DIR: resolve(coverage) }) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  });
}

/**
 * Runs `main.ts inspect`.
 *
 * @param args Its arguments.
 * @returns How it ended, and all that it wrote.
 */
export async function inspect(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await inspectCommand(args).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

/**
 * Runs `main.ts inspect --json`, which has to write no error.
 *
 * @param files The files to be inspected.
 * @returns How it ended, and the report on each file.
 */
export async function reportsOn(
  files: readonly string[],
): Promise<{ code: number; reports: SegmentReport[] }> {
  const { code, stdout, stderr } = await inspect("--json", ...files);
  assertEquals(stderr, "");
  return { code, reports: stdout.trim().split("\n").map((line) => JSON.parse(line)) };
}
