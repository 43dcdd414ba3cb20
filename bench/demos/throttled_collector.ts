import { Pace } from "./pace.ts";
import { numbersIn } from "../../tests/e2e/numbered_records.ts";

/** A collector on loopback that takes NDJSON in at a rate that can be turned down, and counts what it got of each source. */
export class ThrottledCollector implements AsyncDisposable {
  /** What the `url` of an http sink has to be. */
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #records = new Map<string, number>();
  #pace: Pace | undefined;

  /** Starts it, without a limit. */
  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const source = new URL(request.url).pathname.slice(1);
      const records = numbersIn(await request.text()).length;
      for (let i = 0; i < records; i++) await this.#pace?.next();
      this.#records.set(source, this.recordsOf(source) + records);
      return Response.json({ accepted: records, dropped: 0, evicted: 0 }, { status: 202 });
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}/{source}`;
  }

  /** @param perSecond How many records it takes in a second; `undefined` for as many as there are. */
  set limit(perSecond: number | undefined) {
    this.#pace = perSecond === undefined ? undefined : new Pace(perSecond);
  }

  /**
   * Says what it has got.
   *
   * @param source Name of a source.
   * @returns How many of its records.
   */
  recordsOf(source: string): number {
    return this.#records.get(source) ?? 0;
  }

  /** Answers what it has, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
