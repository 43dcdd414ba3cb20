import { waitFor } from "../../tests/wait_for.ts";

/** How much of what it says is kept for the message of an error, in characters. */
const TAIL = 2000;

/** Another collector, as a process of its own. */
export class PeerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;
  readonly #reading: Promise<void>;
  #text = "";
  #running = true;

  private constructor(child: Deno.ChildProcess, directory: string) {
    this.#child = child;
    this.#directory = directory;
    this.#reading = this.#read();
    void child.status.then(() => this.#running = false);
  }

  /**
   * Starts it, and waits until it listens.
   *
   * @param program The path of its program.
   * @param args Its arguments.
   * @param directory Where it writes to; removed at the end.
   * @param port Where it listens, on loopback.
   * @param env Variables of its environment, beside those of this process.
   * @returns The process.
   * @throws {Error} If it ends before, with the end of what it said.
   */
  static async start(
    program: string,
    args: string[],
    directory: string,
    port: number,
    env: Record<string, string>,
  ): Promise<PeerProcess> {
    const child = new Deno.Command(program, { args, env, stdin: "null", stdout: "null", stderr: "piped" })
      .spawn();
    const process = new PeerProcess(child, directory);
    try {
      await waitFor(() => process.#listens(port), { what: `${program} to listen`, interval: 50 });
      return process;
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw new Error(`Cannot start ${program}: ${process.#text.trim()}`, { cause: error });
    }
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  async #listens(port: number): Promise<boolean> {
    if (!this.#running) throw new Error("it has ended");
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return false;
      throw error;
    }
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#text = (this.#text + text).slice(-TAIL);
    }
  }

  /** Ends it, and removes what it has written. */
  async [Symbol.asyncDispose](): Promise<void> {
    // What it still holds is not waited for: it has been measured.
    if (this.#running) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reading;
    await Deno.remove(this.#directory, { recursive: true });
  }
}
