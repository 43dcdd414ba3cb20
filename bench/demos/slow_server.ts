/** An HTTP server on loopback that takes its time, and counts how many requests it has at once. */
export class SlowServer implements AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #inFlight = 0;
  #most = 0;
  #answered = 0;

  /** @param milliseconds Says how long it takes for a request, by the number that is the path of its URL. */
  constructor(milliseconds: (request: number) => number) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
      this.#most = Math.max(this.#most, ++this.#inFlight);
      await new Promise((resolve) =>
        setTimeout(resolve, milliseconds(Number(new URL(url).pathname.slice(1))))
      );
      this.#inFlight--;
      this.#answered++;
      return new Response("done\n");
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** How many requests it has now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The most requests that it ever had at once. */
  get most(): number {
    return this.#most;
  }

  /** How many requests it has answered. */
  get answered(): number {
    return this.#answered;
  }

  /** Answers what it has, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
