import { isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
// @ts-types="npm:@types/ws@8.18.2"
import type { WebSocket } from "ws";
import { Acknowledgements, PENSTOCK_V1 } from "./acknowledgements.ts";
import { CLOSE, closeReason, refusalOfError } from "./close_code.ts";
import { ClosingReplies } from "./closing_replies.ts";
import { FrameScanner } from "./frame_scanner.ts";
import type { IngestLimits } from "./ingest_request.ts";
import type { RefusalReason } from "./ledger.ts";
import type { MessageAssembly } from "./message_assembly.ts";
import { MessageIntake } from "./message_intake.ts";
import { CONNECTION_MEMORY, MessageMemory } from "./message_memory.ts";
import type { ReadDeadlines, ReadEnd } from "./read_deadlines.ts";
import { ReadGate, type ReadHold } from "./read_gate.ts";
import { ReadPieces } from "./read_pieces.ts";
import type { ReadTurns, TurnReader } from "./read_turns.ts";
import type { Source } from "./source.ts";

/** What a client may still send once its connection is being closed, in bytes; then it is not read any more. */
const MOST_AFTER_CLOSE = 4 * 2 ** 20;

const NO_MEMORY = "no memory is left for this message";

/** Behind a read of so many bytes there is probably more to be read. */
const FULL_READ = 16 * 1024;

/** Options of {@linkcode WebSocketConnection}. */
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

/**
 * One WebSocket: reads messages only while there is room for them.
 *
 * Before a message is whole, the memory that it will need is reserved as soon as a frame's head tells how large it is; the
 * socket is not read while that memory is not to be had, or while an earlier message waits for room.
 */
export class WebSocketConnection implements TurnReader {
  readonly #websocket: WebSocket;
  readonly #source: Source;
  readonly #limits: IngestLimits;
  readonly #deadlines: ReadDeadlines;
  readonly #turns: ReadTurns;
  readonly #intake: MessageIntake;
  readonly #acknowledgements: Acknowledgements | undefined;
  readonly #scanner = new FrameScanner();
  readonly #pieces = new ReadPieces();
  readonly #memory: MessageMemory;
  readonly #gone = new AbortController();
  readonly #reading = { giveUp: (end: ReadEnd) => this.#late(end) };
  readonly #compressed: boolean;
  readonly #gate: ReadGate;
  #isReading = false;
  #heard = true;
  #closing = false;
  #isGone = false;
  #bytesAfterClose = 0;

  /** @param options What it is made of. */
  constructor(options: WebSocketConnectionOptions) {
    const { websocket, socket, source, limits, credit, onDefect, onClosed } = options;
    this.#websocket = websocket;
    this.#gate = new ReadGate(websocket);
    this.#source = source;
    this.#limits = limits;
    this.#deadlines = options.deadlines;
    this.#turns = options.turns;
    this.#memory = new MessageMemory({
      source,
      signal: this.#gone.signal,
      onWaiting: (waiting) => waiting ? this.#hold("memory") : this.#release("memory"),
      onRefused: () => {
        // Not before those messages are taken that came whole before this one.
        queueMicrotask(() => this.#refuse("overloaded", CLOSE.TRY_AGAIN_LATER, NO_MEMORY));
      },
    });
    this.#compressed = websocket.extensions !== "";
    this.#acknowledgements = websocket.protocol === PENSTOCK_V1
      ? new Acknowledgements({ source, credit, channel: websocket, onDrained: () => this.goAway() })
      : undefined;
    this.#intake = new MessageIntake({
      source,
      record: limits.record,
      producer: this.#gone,
      replies: this.#acknowledgements ?? new ClosingReplies((code, reason) => this.#close(code, reason)),
      assembly: options.assembly,
      booksAll: this.#compressed,
      onWaiting: (waiting) => {
        if (waiting) this.#hold("room");
        else this.#release("room");
        this.#tidy();
      },
      onNotUtf8: (reason) => this.#close(CLOSE.INVALID_PAYLOAD, reason),
      onDefect: (error) => {
        onDefect(error);
        this.#close(CLOSE.INTERNAL_ERROR, "the collector failed");
      },
    });
    socket.prependListener("data", (chunk: Uint8Array) => this.#read(chunk));
    // What was read ahead when the connection broke off is put together without having been seen here.
    socket.prependListener("close", () => this.#closing = true);
    websocket.on("message", (data: Uint8Array, isBinary) => this.#take(data, isBinary));
    websocket.on("error", (error: Error & { code?: string }) => this.#failed(error));
    websocket.on("close", (code) => {
      this.#closed();
      onClosed(code);
    });
    this.#acknowledgements?.greet();
  }

  /** Whether its socket is not read, for longer than a turn. */
  get paused(): boolean {
    return this.#gate.isHeld;
  }

  /**
   * Asks the client for a sign of life, at regular intervals. One that gave none since it was last asked is gone; one
   * whose socket is not read cannot give any, but if the system knows that it is gone, the question fails.
   */
  probe(): void {
    if (!this.#heard && !this.paused) {
      this.#websocket.terminate();
      return;
    }
    this.#heard = false;
    // A failure of the socket is told by `close` as well.
    if (this.#websocket.readyState === this.#websocket.OPEN) this.#websocket.ping(undefined, false, () => {});
  }

  /** Reads no more, and closes as soon as everything that was admitted is acknowledged, where the client wants that. */
  drain(): void {
    if (this.#acknowledgements === undefined || this.#closing) {
      this.goAway();
      return;
    }
    this.#hold("drain");
    this.#acknowledgements.drain();
  }

  /** Closes the connection because the daemon stops. What is settled is told before. */
  goAway(): void {
    if (!this.#closing) this.#acknowledgements?.finish();
    this.#close(CLOSE.GOING_AWAY, "the collector is shutting down");
  }

  stopReading(): void {
    this.#gate.hold("turn");
  }

  readOn(): void {
    // What was read in the last turn has been offered, or copied, but for a message that is not whole.
    if (this.#scanner.began) this.#pieces.free(this.#scanner.unfinished ? 1 : 0);
    this.#gate.release("turn");
  }

  /** Sees each piece of what the client sends before it is taken apart. */
  #read(chunk: Uint8Array): void {
    this.#heard = true;
    const scanner = this.#scanner;
    scanner.scan(chunk);
    if (this.#closing) {
      this.#bytesAfterClose += chunk.length;
      this.#memory.read(chunk, scanner);
      if (this.#bytesAfterClose > MOST_AFTER_CLOSE || this.#memory.exceeds(scanner)) this.#gate.shut();
      return;
    }
    const { closeReason: reason } = scanner;
    // The library would look at texts a second time if it were to look at reasons.
    if (reason !== undefined && !isUtf8(reason)) {
      this.#refuse("protocol_error", CLOSE.INVALID_PAYLOAD, "the reason of the close frame is not UTF-8");
      return;
    }
    if (chunk.length >= FULL_READ) {
      this.#turns.end(this);
      // The answer to a ping is sent out of the piece that it came in, and what is compressed waits there for its turn.
      if (!scanner.sawControl && !this.#compressed) this.#pieces.add(chunk);
    }
    this.#expect(scanner.unfinished);
    // One that is too large is not for us to refuse, and none of it will be kept.
    if (scanner.announced > this.#limits.body) return;
    // A compressed message waits for its turn to be decompressed; what was reserved for it is given back then.
    if (this.#compressed && scanner.announced === 0) return;
    this.#memory.read(chunk, scanner);
    if (this.#memory.pinned > 2 * this.#limits.body + CONNECTION_MEMORY) {
      this.#refuse("protocol_error", CLOSE.POLICY_VIOLATION, "a message came in too many pieces");
    } else this.#memory.expect(scanner);
  }

  #take(data: Uint8Array, isBinary: boolean): void {
    if (this.#closing) return;
    if (this.#acknowledgements?.receive() === false) {
      return this.#close(CLOSE.POLICY_VIOLATION, "more messages than the credit allows are not acknowledged");
    }
    if (this.#compressed && this.#scanner.announced === 0) this.#memory.expectNothing();
    // What is compressed comes out of one read without an end; the pause of the socket does not stop it.
    const mayWait = this.#intake.waiting || data.length >= FULL_READ;
    if (this.#compressed && mayWait && !this.#memory.hasRoomFor(data)) {
      return this.#refuse("overloaded", CLOSE.TRY_AGAIN_LATER, NO_MEMORY);
    }
    if (data.length >= FULL_READ) this.#pieces.leave(data);
    this.#intake.add(data, isBinary);
  }

  #hold(hold: ReadHold): void {
    this.#gate.hold(hold);
    this.#expect(this.#scanner.unfinished); // not now: it is not the client that makes its message late
  }

  #release(hold: ReadHold): void {
    this.#gate.release(hold);
    if (this.#gate.isHeld) return;
    this.#heard = true;
    this.#expect(this.#scanner.unfinished);
  }

  /** Notes whether the rest of a message is to come within the time for it. */
  #expect(unfinished: boolean): void {
    const expected = unfinished && !this.#closing && !this.#gate.isHeld;
    // Another message than the last time has its own time.
    const sameMessage = expected && !this.#scanner.began;
    if (this.#isReading && !sameMessage) this.#deadlines.done(this.#reading);
    if (expected && !(this.#isReading && sameMessage)) this.#deadlines.begin(this.#reading);
    this.#isReading = expected;
  }

  #late(end: ReadEnd): void {
    this.#isReading = false;
    if (end === "shutting_down") return;
    this.#source.ledger.refuse("timeout");
    const limit = this.#limits.bodyTimeout;
    this.#close(CLOSE.POLICY_VIOLATION, `the rest of a message did not come within ${limit} ms`);
  }

  #failed({ code }: { readonly code?: string }): void {
    const reason = refusalOfError(code);
    if (reason === undefined) return;
    this.#source.ledger.refuse(reason);
    this.#stop();
  }

  /** Counts a mistake and closes the connection because of it. */
  #refuse(reason: RefusalReason, code: number, why: string): void {
    this.#source.ledger.refuse(reason);
    this.#close(code, why);
  }

  #close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#stop();
    this.#websocket.close(code, closeReason(reason));
  }

  #stop(): void {
    this.#closing = true;
    this.#expect(false);
    this.#intake.stop();
    // Half a message is kept by the library, and more of it would be, though nobody wants it any more.
    if (this.#memory.exceeds(this.#scanner)) return this.#gate.shut();
    this.#memory.expectNothing();
    this.#gate.releaseAll(); // the client's answer may come behind messages
  }

  #closed(): void {
    this.#isGone = true;
    this.#pieces.clear();
    if (this.#acknowledgements !== undefined) {
      // Nobody can be told of what waits, and the client will send it again.
      this.#gone.abort();
      this.#acknowledgements.close();
      this.#stop();
    } else {
      // Nothing can be sent again: what has come is still offered.
      this.#closing = true;
      this.#expect(false);
      this.#intake.flush();
    }
    this.#tidy();
  }

  /** Gives the memory back of a connection that is gone. */
  #tidy(): void {
    if (this.#isGone && !this.#intake.waiting) this.#memory[Symbol.dispose]();
  }
}
