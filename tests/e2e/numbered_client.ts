import { RawWebSocket } from "./raw_websocket.ts";

const BATCH = 20;

/** A well-behaved client of `penstock.v1`: sends numbered records, and the next ones when all before are acknowledged. */
export class NumberedClient implements AsyncDisposable {
  readonly #websocket: RawWebSocket;
  readonly #running: Promise<void>;
  #next = 0;
  #stopped = false;

  private constructor(websocket: RawWebSocket) {
    this.#websocket = websocket;
    this.#running = this.#run();
    this.#running.catch(() => {}); // `finish()` tells of it
  }

  /**
   * Connects and begins to send.
   *
   * @param url Of a source.
   */
  static async start(url: string): Promise<NumberedClient> {
    return new NumberedClient(await RawWebSocket.connect(url, { protocol: "penstock.v1" }));
  }

  /**
   * Ends when all is acknowledged that was sent.
   *
   * @returns How many records that is: 0 up to this number.
   * @throws {Error} If it was closed, or anything was refused or not acknowledged.
   */
  async finish(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.#next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#websocket.close();
    await this.#running.catch(() => {});
  }

  async #run(): Promise<void> {
    using websocket = this.#websocket;
    const { type, credit } = await websocket.readJson();
    if (type !== "hello" || credit < BATCH) throw new Error(`No hello, but ${type}`);
    let accepted = 0;
    while (!this.#stopped) {
      for (let i = 0; i < BATCH; i++) await websocket.send(`{"n":${this.#next++}}`);
      for (let seq = 0; seq < this.#next;) {
        const ack = await websocket.readJson(60_000);
        if (ack.type !== "ack") throw new Error(`No ack, but ${JSON.stringify(ack)}`);
        ({ seq } = ack);
        accepted += ack.accepted;
      }
      if (accepted !== this.#next) throw new Error(`${accepted} records accepted, ${this.#next} sent`);
    }
  }
}
