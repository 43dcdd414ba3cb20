/**
 * The load generator for WebSockets, as a process of its own. Without `perSecond` every connection sends the same message over and
 * over as fast as the server reads; a close frame follows, and the server has taken everything in once it has answered
 * that. With `perSecond`, messages are sent when they are due, and behind each few of them a ping: its pong is the answer, as it
 * says that all before it has been read, and latency counts from when the ping was due.
 *
 * The frames are masked once, before, so that sending costs as little as possible.
 *
 * Usage: `deno run --allow-ffi --allow-read bench/load/websocket_generator.ts OPTIONS`, with {@linkcode WebSocketLoad} as
 * JSON; prints {@linkcode WebSocketLoadResult} as JSON.
 */
import { Latencies, type Latency } from "./latencies.ts";
import { connect, EPOLLIN, EPOLLOUT, Poll, receive, send } from "./libc.ts";
import { Pace, SAME_MOMENT, WARM_UP } from "./pace.ts";
import { FRAME, maskedFrame, ServerFrameReader } from "./websocket_frames.ts";

/** What is to be sent. */
export interface WebSocketLoad {
  readonly hostname: string;
  readonly port: number;
  readonly path: string;
  /** Holds what is in every message. */
  readonly messageFile: string;
  readonly kind: "text" | "binary";
  readonly connections: number;
  /** How long; with `perSecond` beside the {@linkcode WARM_UP}. */
  readonly seconds: number;
  /** How many messages are due each second, over all connections; as many as are read where left out. */
  readonly perSecond?: number;
}

/** What came of it. */
export interface WebSocketLoadResult {
  readonly messages: number;
  /** From the first message to the last answer to a close frame. */
  readonly seconds: number;
  /** Where the loop is open: of pings that were due once the generator was warm. */
  readonly latency?: Latency;
}

/** How much is handed to the system at once in a closed loop. */
const WRITE = 256 * 1024;
/** How long a connection waits between two pings at least, in milliseconds, so that pings are few beside messages. */
const PING_INTERVAL = 2;
/** How long the server may take with what was sent, in milliseconds. */
const PATIENCE = 30_000;
const NORMAL_CLOSURE = [0x03, 0xe8] as const;

interface Connection {
  readonly reader: ServerFrameReader;
  /** Each goes out when the one before it has. */
  readonly writes: Uint8Array<ArrayBuffer>[];
  /** How much of the first of them has gone out. */
  sent: number;
  isUpgraded: boolean;
  isClosed: boolean;
}

class WebSocketGenerator {
  readonly #load: WebSocketLoad;
  readonly #frame: Uint8Array<ArrayBuffer>;
  readonly #block: Uint8Array<ArrayBuffer>;
  readonly #together: number;
  readonly #poll = new Poll();
  readonly #connections = new Map<number, Connection>();
  readonly #input = new Uint8Array(64 * 1024);
  readonly #latencies = new Latencies();
  #messages = 0;
  #answered = 0;
  #pace: Pace | undefined;
  #sending = false;
  #warmAt = 0;

  constructor(load: WebSocketLoad, message: Uint8Array) {
    this.#load = load;
    this.#frame = maskedFrame(FRAME[load.kind], message);
    this.#together = Math.max(1, Math.floor(WRITE / this.#frame.length));
    this.#block = repeat(this.#frame, this.#together);
  }

  run(): WebSocketLoadResult {
    const { connections, seconds } = this.#load;
    for (let i = 0; i < connections; i++) this.#connect();
    this.#waitFor("upgrades", ({ isUpgraded }) => isUpgraded);
    const start = performance.now();
    this.#warmAt = start + WARM_UP;
    this.#sending = true;
    if (this.#load.perSecond === undefined) this.#flood(start + seconds * 1000);
    else this.#sendWhenDue(start, this.#load.perSecond);
    this.#sending = false;
    const close = maskedFrame(FRAME.close, Uint8Array.from(NORMAL_CLOSURE));
    for (const [fd, connection] of this.#connections) this.#write(fd, connection, close);
    this.#waitFor("answers to close frames", ({ isClosed }) => isClosed);
    const taken = (performance.now() - start) / 1000;
    this.#poll[Symbol.dispose]();
    return {
      messages: this.#messages,
      seconds: taken,
      ...(this.#pace && { latency: this.#latencies.summary() }),
    };
  }

  /** Each connection gets its next block when the last one is out. */
  #flood(end: number): void {
    for (const [fd, connection] of this.#connections) this.#writeBlock(fd, connection);
    while (performance.now() < end) {
      this.#poll.wait(undefined, (fd, events) => {
        const connection = this.#ready(fd, events);
        if (connection.writes.length === 0) this.#writeBlock(fd, connection);
      });
    }
  }

  #writeBlock(fd: number, connection: Connection): void {
    this.#messages += this.#together;
    this.#write(fd, connection, this.#block);
  }

  /** One connection after the other gets what is due since its last turn. */
  #sendWhenDue(start: number, perSecond: number): void {
    const fds = [...this.#connections.keys()];
    const turnsPerSecond = Math.min(1000 * fds.length / PING_INTERVAL, perSecond);
    const messagesPerTurn = perSecond / turnsPerSecond;
    const turns = Math.max(1, Math.round(turnsPerSecond * (this.#load.seconds + WARM_UP / 1000)));
    this.#pace = new Pace(start, turnsPerSecond);
    const ready = (fd: number, events: number) => void this.#ready(fd, events);
    for (let turn = 0; turn < turns;) {
      const wait = this.#pace.at(turn) - performance.now();
      if (wait > 0) {
        this.#poll.wait(wait, ready);
        continue;
      }
      const fd = fds[turn % fds.length]!;
      const count = Math.floor((turn + 1) * messagesPerTurn) - Math.floor(turn * messagesPerTurn);
      const number = new Uint8Array(4);
      new DataView(number.buffer).setUint32(0, turn++);
      const ping = maskedFrame(FRAME.ping, number);
      const bytes = repeat(this.#frame, count, ping.length);
      bytes.set(ping, bytes.length - ping.length);
      this.#messages += count;
      this.#write(fd, this.#connections.get(fd)!, bytes);
      this.#poll.wait(0, ready);
    }
    const end = performance.now() + PATIENCE;
    while (this.#answered < turns) {
      if (performance.now() > end) throw new Error(`${turns - this.#answered} of ${turns} pings unanswered`);
      this.#poll.wait(undefined, ready);
    }
  }

  #connect(): void {
    const { hostname, port, path } = this.#load;
    const fd = connect(hostname, port);
    const connection = {
      reader: new ServerFrameReader(),
      writes: [],
      sent: 0,
      isUpgraded: false,
      isClosed: false,
    };
    this.#connections.set(fd, connection);
    this.#poll.add(fd, EPOLLIN);
    const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\n` +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    this.#write(fd, connection, new TextEncoder().encode(request));
  }

  #waitFor(what: string, condition: (connection: Connection) => boolean): void {
    const end = performance.now() + PATIENCE;
    while (![...this.#connections.values()].every(condition)) {
      if (performance.now() > end) throw new Error(`waited ${PATIENCE} ms in vain for ${what}`);
      this.#poll.wait(undefined, (fd, events) => void this.#ready(fd, events));
    }
  }

  #write(fd: number, connection: Connection, bytes: Uint8Array<ArrayBuffer>): void {
    connection.writes.push(bytes);
    if (connection.writes.length === 1) this.#flush(fd, connection, false);
  }

  #flush(fd: number, connection: Connection, wasWaiting: boolean): void {
    const { writes } = connection;
    for (let first = writes[0]; first !== undefined; first = writes[0]) {
      connection.sent += Math.max(0, send(fd, first.subarray(connection.sent)));
      if (connection.sent < first.length) {
        if (!wasWaiting) this.#poll.change(fd, EPOLLIN | EPOLLOUT);
        return;
      }
      writes.shift();
      connection.sent = 0;
    }
    // A flood asks to be told again; anything else would be told for ever.
    const isFlood = this.#sending && this.#load.perSecond === undefined;
    if (wasWaiting && !isFlood) this.#poll.change(fd, EPOLLIN);
    else if (!wasWaiting && isFlood) this.#poll.change(fd, EPOLLIN | EPOLLOUT);
  }

  #ready(fd: number, events: number): Connection {
    const connection = this.#connections.get(fd)!;
    if (events & EPOLLOUT) this.#flush(fd, connection, true);
    if (events & EPOLLIN && !connection.isClosed) {
      const length = receive(fd, this.#input);
      if (length <= 0) throw new Error("the server closed a connection without a close frame");
      connection.reader.read(this.#input.subarray(0, length), (first, payload) => {
        this.#frameFrom(fd, connection, first, payload);
      });
    }
    return connection;
  }

  #frameFrom(fd: number, connection: Connection, first: number, payload: Uint8Array): void {
    if (first === 0) connection.isUpgraded = true;
    else if (first === FRAME.pong) {
      const turn = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
      const dueAt = this.#pace!.at(turn);
      if (dueAt > this.#warmAt - SAME_MOMENT) this.#latencies.add(performance.now() - dueAt);
      this.#answered++;
    } else if (first === FRAME.close) {
      const isAsked = !this.#sending && payload[0] === NORMAL_CLOSURE[0] && payload[1] === NORMAL_CLOSURE[1];
      if (!isAsked) throw new Error(`the server closed a connection: ${payload}`);
      connection.isClosed = true;
      this.#poll.remove(fd);
    } else if (first !== FRAME.ping) throw new Error(`an unexpected frame ${first}`);
  }
}

function repeat(frame: Uint8Array, times: number, spare: number = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(times * frame.length + spare);
  for (let i = 0; i < times; i++) bytes.set(frame, i * frame.length);
  return bytes;
}

const load: WebSocketLoad = JSON.parse(Deno.args[0] ?? "{}");
const result = new WebSocketGenerator(load, await Deno.readFile(load.messageFile)).run();
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
