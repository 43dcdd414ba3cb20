import type { PeerName } from "../servers/contestant.ts";

/** What all cases have in common. */
interface CommonCase {
  /** Short: what `--only` takes, and what reports are compared by. */
  readonly name: string;
  readonly title: string;
  /** Where it goes to on the daemon. */
  readonly path: string;
  readonly connections: number;
  /** The body of every request, or every message. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** How many records that is. */
  readonly records: number;
}

/** Requests. */
export interface HttpCase extends CommonCase {
  readonly transport: "http";
  readonly contentType: string;
  /** What other collectors are sent the same: where to and as what; a name that is missing takes no part. */
  readonly peers: Partial<Record<PeerName, { readonly path: string; readonly contentType: string }>>;
}

/** WebSocket messages. */
export interface WebSocketCase extends CommonCase {
  readonly transport: "websocket";
  readonly kind: "text" | "binary";
}

/** One kind of load that servers are measured with. */
export type BenchCase = HttpCase | WebSocketCase;
