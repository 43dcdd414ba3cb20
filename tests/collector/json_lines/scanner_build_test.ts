// @ts-types="../../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";

const FOLDER = new URL("../../../collector/json_lines/", import.meta.url);

/** Runs the compiler as `deno task scanner` does, with more arguments. */
async function compile(...args: string[]): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "scanner", ...args],
    cwd: FOLDER,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(180_000),
  }).output();
  return { success, output: new TextDecoder().decode(success ? stdout : stderr).trim() };
}

const version = await compile("--version");
const absent = version.success ? "" : ` (ignored: no compiler: ${version.output.split("\n").at(-1)})`;

Deno.test({
  name: `scanner.wasm is what the compiler makes of scanner.as.ts, byte for byte${absent}`,
  ignore: !version.success,
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      const { success, output } = await compile("--outFile", `${directory}/scanner.wasm`);
      assert(success, output);
      const made = Deno.readFileSync(`${directory}/scanner.wasm`);
      const committed = Deno.readFileSync(new URL("scanner.wasm", FOLDER));
      const hint = "run `deno task scanner`, and commit what it made";
      assertEquals(made.length, committed.length, hint);
      assert(made.every((byte, index) => byte === committed[index]), hint);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
