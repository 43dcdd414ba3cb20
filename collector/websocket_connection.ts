import { isUtf8 } from "node:buffer";
// @ts-types="npm:@types/ws@8.18.2"
import type { WebSocket } from "ws";
import { Acknowledgements, PENSTOCK_V1 } from "./acknowledgements.ts";
import { CLOSE, closeReason, refusalOfError } from "./close_code.ts";
import { ClosingReplies } from "./closing_replies.ts";
import { type FrameHandler, FrameReader } from "./frame_reader.ts";
import type { IngestLimits } from "./ingest_request.ts";
import type { RefusalReason } from "./ledger.ts";
import { LibraryReceiver } from "./library_receiver.ts";
import { MessageDeadline } from "./message_deadline.ts";
import { MessageIntake } from "./message_intake.ts";
import { CONNECTION_MEMORY, MessageMemory } from "./message_memory.ts";
import { ReadGate, type ReadHold } from "./read_gate.ts";
import type { ReadTurns, TurnReader } from "./read_turns.ts";
import type { Source } from "./source.ts";
import { SpentPieces } from "./spent_pieces.ts";
import type { WebSocketConnectionOptions } from "./websocket_connection_options.ts";

const NO_MEMORY = "no memory is left for this message";

/** Behind a read of so many bytes there is probably more to be read. */
const FULL_READ = 16 * 1024;

/**
 * One WebSocket: reads messages only while there is room for them.
 *
 * Before a message is whole, the memory that it will need is reserved as soon as a frame's head tells how large it is; the
 * socket is not read while that memory is not to be had, or while an earlier message waits for room.
 */
export class WebSocketConnection implements TurnReader, FrameHandler {
  readonly #websocket: WebSocket;
  readonly #source: Source;
  readonly #limits: IngestLimits;
  readonly #turns: ReadTurns;
  readonly #intake: MessageIntake;
  readonly #acknowledgements: Acknowledgements | undefined;
  readonly #library: LibraryReceiver;
  readonly #frames: FrameReader;
  readonly #memory: MessageMemory;
  readonly #gone = new AbortController();
  readonly #deadline: MessageDeadline;
  readonly #compressed: boolean;
  readonly #onDefect: (error: unknown) => void;
  readonly #gate: ReadGate;
  readonly #spent = new SpentPieces();
  #heard = true;
  #closing = false;
  #isGone = false;

  /** @param options What it is made of. */
  constructor(options: WebSocketConnectionOptions) {
    const { websocket, socket, source, limits, credit, onClosed } = options;
    this.#onDefect = options.onDefect;
    this.#websocket = websocket;
    this.#gate = new ReadGate(websocket);
    this.#source = source;
    this.#limits = limits;
    this.#deadline = new MessageDeadline(options.deadlines, () => {
      const why = `the rest of a message did not come within ${limits.bodyTimeout} ms`;
      this.#refuse("timeout", CLOSE.POLICY_VIOLATION, why);
    });
    this.#turns = options.turns;
    this.#memory = new MessageMemory({
      source,
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
        waiting ? this.#hold("room") : this.#release("room");
        this.#tidy();
      },
      onNotUtf8: (reason) => this.#close(CLOSE.INVALID_PAYLOAD, reason),
      onDefect: (error) => this.#fail(error),
    });
    this.#frames = new FrameReader(this, this.#compressed ? -1 : limits.body);
    this.#library = new LibraryReceiver(socket, websocket);
    socket.on("data", (piece: Uint8Array) => {
      try {
        this.#read(piece);
      } catch (error) {
        this.#fail(error); // what came behind it is out of step
        this.#library.end();
      }
    });
    socket.prependListener("close", () => {
      this.#closing = true;
      this.#library.end();
      while (socket.read() !== null); // what was read ahead, or else the library would take it for all there was
    });
    websocket.on("message", (data: Uint8Array, isBinary) => {
      try {
        if (data.length >= FULL_READ) this.#spent.leave(data);
        this.takeMessage(data, 0, data.length, 0, isBinary);
      } catch (error) {
        this.#fail(error); // what is compressed comes when nobody reads
      }
    });
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
    this.#spent.free(this.#frames);
    this.#gate.release("turn");
  }

  takeMessage(bytes: Uint8Array, start: number, end: number, key: number, isBinary: boolean): void {
    if (this.#closing) return;
    if (this.#acknowledgements?.receive() === false) {
      return this.#close(CLOSE.POLICY_VIOLATION, "more messages than the credit allows are not acknowledged");
    }
    if (this.#compressed) {
      if (this.#frames.announced === 0) this.#memory.expectNothing();
      // What is compressed comes out of one read without an end; the pause of the socket does not stop it.
      const mayWait = this.#intake.waiting || bytes.length >= FULL_READ;
      if (mayWait && !this.#memory.hasRoomFor(bytes)) {
        return this.#refuse("overloaded", CLOSE.TRY_AGAIN_LATER, NO_MEMORY);
      }
    }
    this.#intake.addMasked(bytes, start, end, key, isBinary);
  }

  takeControl(frame: Uint8Array, closeReason: Uint8Array | undefined): void {
    // The library would look at texts a second time if it were to look at reasons.
    if (closeReason !== undefined && !this.#closing && !isUtf8(closeReason)) {
      const why = "the reason of the close frame is not UTF-8";
      return this.#refuse("protocol_error", CLOSE.INVALID_PAYLOAD, why);
    }
    this.#library.write(frame);
    if (closeReason !== undefined) this.#library.end(); // nothing comes behind it
  }

  takeOther(bytes: Uint8Array): void {
    this.#library.write(bytes);
    // It has found a mistake, and tells of that only later: what comes behind would be taken for what it refused.
    if (!this.#compressed && this.#library.messages < this.#frames.leftMessages) this.#frames.skipMessages();
  }

  /** Sees each piece of what the client sends. */
  #read(piece: Uint8Array): void {
    this.#heard = true;
    const isFull = piece.length >= FULL_READ;
    if (isFull && !this.#closing) this.#turns.end(this);
    const frames = this.#frames;
    this.#spent.free(frames);
    // What is compressed waits in the library for its turn.
    if (isFull && !this.#compressed && !this.#closing) this.#spent.add(piece);
    frames.read(piece);
    this.#memory.read(piece, frames);
    this.#expect();
    if (this.#closing || this.#library.isDone) {
      this.#gate.readInVain(piece.length);
      if (this.#memory.exceeds(frames)) this.#gate.shut();
      return;
    }
    if (frames.announced > this.#limits.body) return; // the library refuses it, and none of it will be kept
    // A compressed message waits for its turn to be decompressed; what was reserved for it is given back then.
    if (this.#compressed && frames.announced === 0) return;
    if (this.#memory.pinned > 2 * this.#limits.body + CONNECTION_MEMORY) {
      this.#refuse("protocol_error", CLOSE.POLICY_VIOLATION, "a message came in too many pieces");
    } else this.#memory.expect(frames);
  }

  #hold(hold: ReadHold): void {
    this.#gate.hold(hold);
    this.#expect(); // not now: it is not the client that makes its message late
  }

  #release(hold: ReadHold): void {
    this.#gate.release(hold);
    if (this.#gate.isHeld) return;
    this.#heard = true;
    this.#expect();
  }

  #expect(): void {
    const { unfinished, began } = this.#frames;
    this.#deadline.expect(unfinished && !this.#closing && !this.#library.isDone && !this.#gate.isHeld, began);
  }

  #failed({ code }: { readonly code?: string }): void {
    this.#library.end();
    const reason = refusalOfError(code);
    if (reason === undefined) return;
    this.#source.ledger.refuse(reason);
    this.#stop();
  }

  /** Counts a mistake and closes the connection because of it. */
  #refuse(reason: RefusalReason, code: number, why: string): void {
    if (this.#closing) return;
    this.#source.ledger.refuse(reason);
    this.#close(code, why);
  }

  #close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#stop();
    this.#websocket.close(code, closeReason(reason));
  }

  /** Tells of an error that no client can have caused, and closes the connection. */
  #fail(error: unknown): void {
    this.#onDefect(error);
    this.#close(CLOSE.INTERNAL_ERROR, "the collector failed");
  }

  #stop(): void {
    this.#closing = true;
    this.#frames.skipMessages();
    this.#expect();
    this.#intake.stop();
    // Half a message is kept by the library, and more of it would be, though nobody wants it any more.
    if (this.#memory.exceeds(this.#frames)) return this.#gate.shut();
    this.#memory.giveUp();
    this.#gate.releaseAll(); // the client's answer may come behind messages
  }

  #closed(): void {
    this.#isGone = true;
    this.#spent.clear();
    this.#frames.skipMessages();
    if (this.#acknowledgements !== undefined) {
      // Nobody can be told of what waits, and the client will send it again.
      this.#gone.abort();
      this.#acknowledgements.close();
      this.#stop();
    } else {
      // Nothing can be sent again: what has come is still offered.
      this.#closing = true;
      this.#expect();
      this.#intake.flush();
    }
    this.#memory.giveUp();
    this.#tidy();
  }

  /** Gives the memory back of a connection that is gone. */
  #tidy(): void {
    if (this.#isGone && !this.#intake.waiting) this.#memory[Symbol.dispose]();
  }
}
