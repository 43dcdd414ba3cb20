/** A server under measurement, as a process of its own. */
export class ServerProcess implements AsyncDisposable {
  /** Of its HTTP listener. */
  readonly url: string;
  /** Of its WebSocket listener, where it has one. */
  readonly websocketUrl: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;

  private constructor(child: Deno.ChildProcess, line: string, log: Promise<void>) {
    this.#child = child;
    const { http, websocket } = JSON.parse(line);
    this.url = http;
    this.websocketUrl = websocket;
    this.#log = log;
  }

  /**
   * Starts a server and waits until it tells on stderr, as a line of JSON, where it listens.
   *
   * @param args Arguments of the runtime.
   * @returns The server.
   * @throws {Error} If it ends before.
   */
  static async start(args: string[]): Promise<ServerProcess> {
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "piped" }).spawn();
    const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await lines.read();
      if (done) throw new Error(`the server ended before it listened: ${text}`);
      text += value;
      const line = /^.*"message":"listening".*$/m.exec(text)?.[0];
      if (line === undefined || !line.endsWith("}")) continue;
      const log = (async () => {
        while (!(await lines.read()).done);
      })();
      return new ServerProcess(child, line, log);
    }
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#log;
  }
}
