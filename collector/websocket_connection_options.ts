import type { Socket } from "node:net";
// @ts-types="npm:@types/ws@8.18.2"
import type { WebSocket } from "ws";
import type { IngestLimits } from "./ingest_request.ts";
import type { MessageAssembly } from "./message_assembly.ts";
import type { ReadDeadlines } from "./read_deadlines.ts";
import type { ReadTurns } from "./read_turns.ts";
import type { Source } from "./source.ts";

/** Options of `WebSocketConnection`. */
export interface WebSocketConnectionOptions {
  readonly websocket: WebSocket;
  /** What the messages come over. */
  readonly socket: Socket;
  /** Where the records go. The memory of a connection is reserved on its account, and given back by this one. */
  readonly source: Source;
  readonly limits: IngestLimits;
  /** How many messages a client of `penstock.v1` may have under way. */
  readonly credit: number;
  readonly assembly: MessageAssembly;
  readonly deadlines: ReadDeadlines;
  readonly turns: ReadTurns;
  /** Is told of an error that no client can have caused. */
  readonly onDefect: (error: unknown) => void;
  /** Is called once when the connection is gone, with the code that it was closed with. */
  readonly onClosed: (code: number) => void;
}
