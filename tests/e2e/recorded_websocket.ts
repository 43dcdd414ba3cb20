/** What went over one WebSocket, as its client's side saw it. */
export interface RecordedConnection {
  /** The messages that were sent; message K is at K - 1. */
  readonly sent: unknown[];
  /** The messages that were received, parsed. */
  // deno-lint-ignore no-explicit-any -- each test knows what it looks for
  readonly received: any[];
  /** Up to this message all were acknowledged. */
  acked: number;
  /** What it was closed with. */
  closeCode: number | undefined;
}

/** All connections of a test. Ends with the scope that it was made in. */
export interface RecordedConnections extends Disposable {
  /** Those that the daemon sent anything over, in the order of their first message. */
  readonly connections: readonly RecordedConnection[];
}

/**
 * Records what clients send and receive, without a change to them: as long as the result lives, every new `WebSocket` is one
 * that records. A message is recorded before its client gets to see it.
 *
 * @param onAck Is called at every acknowledgement, with how many messages were acknowledged over all connections so far.
 * @returns What was recorded, while it grows.
 */
export function recordConnections(onAck: (acked: number) => void = () => {}): RecordedConnections {
  const original = globalThis.WebSocket;
  const connections: RecordedConnection[] = [];
  class RecordedWebSocket extends original {
    readonly #record: RecordedConnection = { sent: [], received: [], acked: 0, closeCode: undefined };

    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      const record = this.#record;
      this.addEventListener("message", ({ data }) => {
        const message = JSON.parse(data);
        if (record.received.push(message) === 1) connections.push(record);
        if (message.type !== "ack") return;
        record.acked = message.seq;
        onAck(connections.reduce((sum, { acked }) => sum + acked, 0));
      });
      this.addEventListener("close", ({ code }) => record.closeCode = code);
    }

    override send(data: Parameters<WebSocket["send"]>[0]): void {
      super.send(data);
      this.#record.sent.push(data);
    }
  }
  globalThis.WebSocket = RecordedWebSocket;
  return {
    connections,
    [Symbol.dispose]: () => globalThis.WebSocket = original,
  };
}
