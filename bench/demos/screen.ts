/** Options of {@linkcode Screen}. */
export interface ScreenOptions {
  /** Whether it is a terminal, on which lines can be drawn again. @default whether the standard output is one */
  readonly terminal?: boolean;
  /** How wide the terminal is, in characters. @default as wide as it says */
  readonly columns?: () => number;
  /** Where the text goes. @default the standard output */
  readonly write?: (text: string) => void;
}

/** How often progress is shown, in milliseconds: where it can be drawn over what was there, and where it cannot. */
const INTERVAL = { terminal: 100, plain: 1000 };
const UP = "\x1b[A";
const CLEAR_BELOW = "\x1b[0J";

/**
 * Shows progress: on a terminal a few lines that change in place, below everything else that is printed; elsewhere plain
 * lines, once a second and without a single control character.
 */
export class Screen {
  readonly #terminal: boolean;
  readonly #columns: () => number;
  readonly #write: (text: string) => void;
  #drawn = 0;
  #shownAt = -Infinity;

  /** @param options What it is, and where it is. */
  constructor(
    {
      terminal = Deno.stdout.isTerminal(),
      columns = () => Deno.consoleSize().columns,
      write = writeToStdout,
    }: ScreenOptions = {},
  ) {
    this.#terminal = terminal;
    this.#columns = columns;
    this.#write = write;
  }

  /**
   * Prints text that stays.
   *
   * @param text One line or several, without the last line feed.
   */
  print(text: string): void {
    this.#write(`${this.#erase()}${text}\n`);
  }

  /**
   * Shows progress, in place of what was shown last. Too soon after that nothing is shown.
   *
   * @param lines Makes the lines.
   */
  show(lines: () => readonly string[]): void {
    const now = performance.now();
    if (now - this.#shownAt < INTERVAL[this.#terminal ? "terminal" : "plain"]) return;
    this.#shownAt = now;
    const erase = this.#erase();
    const width = this.#terminal ? this.#columns() : Infinity; // a line that is wrapped would be two to go up
    const shown = lines().map((line) => line.slice(0, width));
    if (this.#terminal) this.#drawn = shown.length;
    this.#write(`${erase}${shown.join("\n")}\n`);
  }

  #erase(): string {
    const erase = this.#drawn === 0 ? "" : UP.repeat(this.#drawn) + CLEAR_BELOW;
    this.#drawn = 0;
    return erase;
  }
}

function writeToStdout(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
}
