import { HttpSink, type HttpSinkOptions } from "../../sinks/http.ts";

/** A request as a peer got it. */
export interface PeerRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly text: string;
}

/** An answer: a whole one, or a status. */
export type PeerAnswer = Response | number;

/** Who a sink sends to: a server on loopback that answers as it is told and remembers what it took. */
export class HttpPeer implements AsyncDisposable {
  /** Every request that came whole, those included that were not taken. */
  readonly requests: PeerRequest[] = [];
  /** Those of them that were answered 2xx. */
  readonly taken: PeerRequest[] = [];
  /** Says what to answer; 202 unless told otherwise. */
  answer: (request: PeerRequest) => PeerAnswer | Promise<PeerAnswer> = () => 202;
  /** The addresses that requests came from: one for each connection. */
  readonly connections = new Set<string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param tls Certificate and key, where it shall be reached by https. */
  constructor(tls?: { cert: string; key: string }) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls },
      async (request, info) => {
        const body = await request.bytes();
        const { pathname, search } = new URL(request.url);
        const { method, headers } = request;
        const text = new TextDecoder().decode(body);
        const received = { path: pathname + search, method, headers: new Headers(headers), body, text };
        this.requests.push(received);
        const { hostname, port } = info.remoteAddr as Deno.NetAddr;
        this.connections.add(`${hostname}:${port}`);
        const answer = await this.answer(received);
        const response = typeof answer === "number" ? new Response(null, { status: answer }) : answer;
        if (response.ok) this.taken.push(received);
        return response;
      },
    );
  }

  /** `host:port`. */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** What it took, the bodies one after the other. */
  get text(): string {
    return this.taken.map(({ text }) => text).join("");
  }

  /** The paths of all requests. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** An open sink that is closed at the end, to be declared with `await using`. */
export type OpenSink = HttpSink & AsyncDisposable;

/**
 * Opens a sink that sends to a peer as to another Penstock.
 *
 * @param peer The peer.
 * @param options What is to be otherwise.
 */
export async function sinkTo(
  peer: { readonly host: string },
  options: HttpSinkOptions = {},
): Promise<OpenSink> {
  const sink = new HttpSink({
    url: `http://${peer.host}/v1/ingest/{source}`,
    otlpUrl: `http://${peer.host}/sources/{source}/v1/{signal}`,
    ...options,
  });
  await sink.open();
  return Object.assign(sink, { [Symbol.asyncDispose]: () => sink.close() });
}
