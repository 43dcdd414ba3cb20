/** What can be sent: text with one or more JSON values, or bytes, which are one frame. */
export type Message = string | Uint8Array<ArrayBuffer>;

/** Options of {@linkcode PenstockClient}. */
export interface PenstockClientOptions {
  /**
   * How many messages are kept until they are acknowledged; one more waits in {@linkcode PenstockClient.send}.
   *
   * @default {1024}
   */
  readonly queue?: number;
  /** Is told of each message that is refused for what it is, `code` says for what, and that is not sent again. */
  readonly onRefused?: (data: Message, code: string, reason: string) => void;
  /**
   * Upper bounds of the pause before a connection is tried again, which is random, in milliseconds: of the first pause,
   * from where it doubles with every failure, and of any.
   *
   * @default {{ initial: 100, max: 10_000 }}
   */
  readonly backoff?: { readonly initial: number; readonly max: number };
}

/** A message and its place among all. */
type Entry = { readonly data: Message; readonly order: number };

/** Closed with one of these, the same messages would end the next connection too: protocol, content, size. */
const FATAL = new Set([1002, 1007, 1009]);

/**
 * A client of `penstock.v1` that delivers every message at least once: what is not acknowledged is kept, and sent again, in
 * order, over the next connection.
 */
export class PenstockClient {
  readonly #url: string;
  readonly #options: Required<PenstockClientOptions>;
  /** Who waits for a place in the queue. */
  readonly #callers: { readonly data: Message; readonly done: PromiseWithResolvers<void> }[] = [];
  /** To be sent, in order. */
  #waiting: Entry[] = [];
  /** Sent over this connection and neither acked nor nacked, by number, in order. */
  readonly #sent = new Map<number, Entry>();
  readonly #empty = Promise.withResolvers<void>();
  #socket!: WebSocket;
  #disconnected!: PromiseWithResolvers<void>;
  #lastOrder = 0;
  #lastNumber = 0;
  #credit = 0;
  #failures = 0;
  #reconnecting: ReturnType<typeof setTimeout> | undefined;
  /** Runs while the collector wants to be left alone. */
  #pausing: ReturnType<typeof setTimeout> | undefined;
  #closing = false;
  #ended: Error | undefined;

  /** @param url As in `ws://127.0.0.1:4319/v1/ingest/app`. */
  constructor(url: string, options: PenstockClientOptions = {}) {
    const { queue = 1024, onRefused = () => {}, backoff = { initial: 100, max: 10_000 } } = options;
    this.#url = url;
    this.#options = { queue, onRefused, backoff };
    this.#connect();
  }

  /** How many messages are neither acknowledged nor refused, those of waiting callers included. */
  get pending(): number {
    return this.#callers.length + this.#waiting.length + this.#sent.size;
  }

  /**
   * Sends a message.
   *
   * @param data The message. Bytes must not change afterwards: they may be sent again.
   * @returns Resolves once the queue has room for it, which may be long before the collector has it.
   * @throws {Error} If the client is closed, or its connection ended so that another would end in the same way.
   */
  send(data: Message): Promise<void> {
    if (this.#closing || this.#ended) return Promise.reject(this.#ended ?? new Error("The client is closed"));
    const done = Promise.withResolvers<void>();
    this.#callers.push({ data, done });
    this.#advance();
    return done.promise;
  }

  /**
   * Waits until every message is acknowledged or refused, and closes the connection.
   *
   * @param deadline How long to wait at most, in milliseconds.
   * @throws {Error} If messages are left then. They may have been kept, or not.
   */
  async close(deadline: number = 30_000): Promise<void> {
    this.#closing = true;
    this.#advance();
    await within(deadline, this.#empty.promise);
    if (this.#ended !== undefined) throw this.#ended;
    const error = new Error(`${this.pending} messages were not acknowledged within ${deadline} ms`);
    const isComplete = this.pending === 0;
    this.#end(error);
    this.#socket.close();
    await within(1000, this.#disconnected.promise); // it may not answer any more
    if (!isComplete) throw error;
  }

  #connect(): void {
    this.#disconnected = Promise.withResolvers<void>();
    this.#socket = new WebSocket(this.#url, "penstock.v1");
    this.#socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    this.#socket.onclose = ({ code, reason }) => this.#reconnect(code, reason);
  }

  /** Moves messages on: from callers to the queue, and from there to the collector. */
  #advance(): void {
    while (this.#callers.length > 0 && this.#waiting.length + this.#sent.size < this.#options.queue) {
      const { data, done } = this.#callers.shift()!;
      this.#waiting.push({ data, order: ++this.#lastOrder });
      done.resolve();
    }
    const maySend = this.#socket.readyState === WebSocket.OPEN && this.#pausing === undefined;
    while (maySend && this.#waiting.length > 0 && this.#sent.size < this.#credit) {
      const entry = this.#waiting.shift()!;
      this.#sent.set(++this.#lastNumber, entry);
      this.#socket.send(entry.data);
    }
    if (this.#closing && this.pending === 0) this.#empty.resolve();
  }

  // deno-lint-ignore no-explicit-any -- what it can be is in docs/websocket.schema.json
  #receive(reply: any): void {
    this.#credit = reply.credit ?? this.#credit;
    if (reply.type === "ack") {
      this.#failures = 0;
      for (const number of this.#sent.keys()) {
        if (number > reply.seq) break;
        this.#sent.delete(number);
      }
    } else if (reply.type === "nack") {
      const entry = this.#sent.get(reply.seq)!;
      this.#sent.delete(reply.seq);
      if (reply.retryAfterMs === undefined) this.#options.onRefused(entry.data, reply.code, reply.message);
      else this.#retry(entry, reply.retryAfterMs);
    }
    this.#advance();
  }

  /** Puts a message that was refused back into its place, and sends none for a while. */
  #retry(entry: Entry, milliseconds: number): void {
    this.#sendAgain([entry]);
    this.#pausing ??= setTimeout(() => {
      this.#pausing = undefined;
      this.#advance();
    }, milliseconds);
  }

  #sendAgain(entries: Iterable<Entry>): void {
    this.#waiting = [...entries, ...this.#waiting].sort((a, b) => a.order - b.order);
  }

  #reconnect(code: number, reason: string): void {
    this.#disconnected.resolve();
    this.#sendAgain(this.#sent.values());
    this.#sent.clear();
    this.#credit = this.#lastNumber = 0;
    if (FATAL.has(code)) this.#end(new Error(`The collector closed the connection: ${code} ${reason}`));
    if (this.#ended !== undefined) return;
    const { initial, max } = this.#options.backoff;
    const pause = Math.random() * Math.min(max, initial * 2 ** this.#failures++);
    this.#reconnecting = setTimeout(() => this.#connect(), pause);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    clearTimeout(this.#reconnecting);
    clearTimeout(this.#pausing);
    for (const { done } of this.#callers.splice(0)) done.reject(this.#ended);
    this.#empty.resolve();
  }
}

/** Resolves with a promise, or without it after some time. */
async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([promise, new Promise((resolve) => timer = setTimeout(resolve, milliseconds))]);
  clearTimeout(timer);
}

if (import.meta.main) {
  const onRefused = (data: Message, _code: string, reason: string) => {
    // deno-lint-ignore no-console -- whoever runs it has to know what was not kept
    console.error(`refused, ${reason}: ${data}`);
    Deno.exitCode = 1;
  };
  const client = new PenstockClient(Deno.args[0] ?? "ws://127.0.0.1:4319/v1/ingest/app", { onRefused });
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) await client.send(line);
  }
  if (rest !== "") await client.send(rest);
  await client.close();
}
