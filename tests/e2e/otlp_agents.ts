import type { DenoAgentReport } from "./otlp_deno_agent.ts";
import type { AgentOptions, AgentReport } from "./otlp_sdk_agent.ts";

const AGENT = new URL("./otlp_sdk_agent.ts", import.meta.url).pathname;
const DENO_AGENT = new URL("./otlp_deno_agent.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/**
 * Runs a program that is instrumented with the SDK, to its end.
 *
 * @param options What it exports, and where to.
 * @returns What it exported and what came of it.
 */
export async function runSdkAgent(options: AgentOptions): Promise<AgentReport> {
  return JSON.parse(await run([AGENT, JSON.stringify(options)], {}));
}

/**
 * Runs a program with Deno's own exporter, to its end.
 *
 * @param env More variables of its environment.
 * @returns What it exported.
 */
export async function runDenoAgent(env: Record<string, string>): Promise<DenoAgentReport> {
  const file = await Deno.makeTempFile();
  try {
    await run([DENO_AGENT, file], { OTEL_DENO: "true", ...env });
    return JSON.parse(await Deno.readTextFile(file));
  } finally {
    await Deno.remove(file);
  }
}

async function run(args: string[], env: Record<string, string>): Promise<string> {
  // Its coverage is nobody's concern, and would be written where the tests' own is.
  const { DENO_COVERAGE_DIR: _, ...inherited } = Deno.env.toObject();
  const { success, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "--no-check", "--config", CONFIG, ...args],
    env: { ...inherited, ...env, NO_COLOR: "1" },
    clearEnv: true,
    signal: AbortSignal.timeout(120_000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (signal === "SIGSEGV") throw new AgentCrash("The agent's runtime crashed");
  if (!success) throw new Error(`The agent failed: ${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

/** The runtime of an agent crashed. */
class AgentCrash extends Error {}

/**
 * Does something with an agent that exports with what its runtime has for that. About one in a hundred of those crashes at
 * its exit, having exported who knows what; as it is not what is tested, all is done again then, and that is said.
 *
 * @param action What is done, from the beginning.
 * @returns What it returns.
 * @throws {AgentCrash} If there were three crashes.
 */
export async function despiteCrashes<T>(action: () => Promise<T>): Promise<T> {
  for (let crashes = 1;; crashes++) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof AgentCrash) || crashes === 3) throw error;
      Deno.stdout.writeSync(new TextEncoder().encode(`${error.message}; once more from the beginning\n`));
    }
  }
}
