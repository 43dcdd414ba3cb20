// @ts-types="../../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { Screen } from "./screen.ts";

/** What a demonstration has to show in the end. */
export interface Outcome {
  /** Lines of the closing table. */
  readonly table: readonly string[];
  /** SVG texts, by the names of their files. */
  readonly plots: Readonly<Record<string, string>>;
  /** What was not as the demonstration claims; none when all is well. */
  readonly broken: readonly string[];
}

/** A demonstration, as a command. */
export interface Demonstration {
  /** What it shows, in a sentence. */
  readonly about: string;
  /**
   * Runs it.
   *
   * @param screen Where its progress is shown.
   * @param quick Whether a shortened form is enough.
   * @returns What came of it.
   */
  run(screen: Screen, quick: boolean): Promise<Outcome>;
}

/**
 * Runs a demonstration with the arguments of the command line: shows its progress, the closing table, and where the
 * plots are, and ends the process.
 *
 * @param demonstration The demonstration.
 * @returns Never: the exit code is 0, 1 if something was not as claimed, 2 if the arguments are wrong.
 */
export async function runFromCommandLine({ about, run }: Demonstration): Promise<never> {
  const screen = new Screen();
  const wrong: string[] = [];
  const { quick, plots: directory } = parseArgs(Deno.args, {
    boolean: ["quick"],
    string: ["plots"],
    default: { plots: "plots" },
    unknown: (argument) => wrong.push(argument),
  });
  if (wrong.length > 0 || directory === "" || directory === undefined) {
    const what = wrong.length > 0 ? `unknown argument '${wrong[0]}'` : "'--plots' needs a directory";
    screen.print(`${what}\nUsage: [--quick] [--plots DIRECTORY]\n${about}`);
    Deno.exit(2);
  }
  await Deno.mkdir(directory, { recursive: true });
  screen.print(`${about}\n`);
  const { table, plots, broken } = await run(screen, quick);
  screen.print(`\n${table.join("\n")}\n`);
  for (const [name, svg] of Object.entries(plots)) {
    await Deno.writeTextFile(`${directory}/${name}`, svg);
    screen.print(`plot: ${directory}/${name}`);
  }
  for (const claim of broken) screen.print(`NOT AS CLAIMED: ${claim}`);
  Deno.exit(broken.length > 0 ? 1 : 0);
}
