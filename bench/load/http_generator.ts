/**
 * The built-in load generator for HTTP, as a process of its own. Without `perSecond` every connection sends the next request
 * as soon as the last one is answered (closed loop); with it, requests are sent when they are due, on
 * whichever connection is free, and latency counts from when they were due (open loop).
 *
 * Usage: `deno run --allow-ffi --allow-read bench/load/http_generator.ts OPTIONS`, with {@linkcode HttpLoad} as JSON; prints
 * {@linkcode HttpLoadResult} as JSON.
 */
import { HttpAnswerReader } from "./http_answer_reader.ts";
import { Latencies, type Latency } from "./latencies.ts";
import { close, connect, EPOLLIN, EPOLLOUT, Poll, receive, send } from "./libc.ts";
import { Pace, SAME_MOMENT, WARM_UP } from "./pace.ts";

/** What is to be sent. */
export interface HttpLoad {
  readonly hostname: string;
  readonly port: number;
  /** Where to; requests go to one after the other. */
  readonly paths: readonly string[];
  readonly contentType: string;
  /** Holds the body of every request. */
  readonly bodyFile: string;
  readonly connections: number;
  /** How long, beside the {@linkcode WARM_UP}. */
  readonly seconds: number;
  /** How many requests are due each second; as many as are answered where left out. */
  readonly perSecond?: number;
}

/** What came of it. */
export interface HttpLoadResult {
  /** How many were answered, whatever the answer. */
  readonly requests: number;
  /** How many of those were not answered with a status of the 200s, and how many were not answered at all. */
  readonly failed: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** How many were answered each second, once the generator was warm. */
  readonly perSecond: number;
  /** Where the loop is open: of those that were due once the generator was warm. */
  readonly latency?: Latency;
}

/** How long answers may take once all is sent, in milliseconds. */
const PATIENCE = 10_000;
/** More broken connections than these are no accident. */
const MOST_BROKEN = 1000;

interface Connection {
  readonly reader: HttpAnswerReader;
  /** What is being sent or answered. */
  request: Uint8Array<ArrayBuffer> | undefined;
  sent: number;
  dueAt: number;
}

class HttpGenerator {
  readonly #load: HttpLoad;
  readonly #requests: readonly Uint8Array<ArrayBuffer>[];
  readonly #poll = new Poll();
  /** By descriptor. */
  readonly #connections: Connection[] = [];
  readonly #idle: number[] = [];
  readonly #input = new Uint8Array(64 * 1024);
  readonly #latencies = new Latencies();
  #warmAt = 0;
  #started = 0;
  #answered = 0;
  #failed = 0;
  #broken = 0;

  constructor(load: HttpLoad, body: Uint8Array) {
    this.#load = load;
    this.#requests = load.paths.map((path) => requestOf(load, path, body));
  }

  run(): HttpLoadResult {
    const { connections, seconds, perSecond } = this.#load;
    for (let i = 0; i < connections; i++) this.#connect();
    const start = performance.now();
    this.#warmAt = start + WARM_UP;
    const end = this.#warmAt + seconds * 1000;
    const pace = perSecond === undefined ? undefined : new Pace(start, perSecond);
    const ready = (fd: number, events: number) => this.#ready(fd, events);
    let warm: { answered: number; at: number } | undefined;
    let over: { answered: number; at: number } | undefined;
    for (;;) {
      const now = performance.now();
      const dueAt = pace?.at(this.#started) ?? now;
      if (now >= this.#warmAt) warm ??= { answered: this.#answered, at: now };
      if (dueAt > end - SAME_MOMENT) {
        over ??= { answered: this.#answered, at: now };
        if (this.#idle.length === connections) break;
        if (now > end + PATIENCE) throw new Error(`no answer within ${PATIENCE} ms to ${this.#unanswered()}`);
        this.#poll.wait(undefined, ready);
      } else if (this.#idle.length > 0 && dueAt <= now) this.#start(this.#idle.pop()!, dueAt);
      else this.#poll.wait(this.#idle.length > 0 ? dueAt - now : undefined, ready);
    }
    this.#poll[Symbol.dispose]();
    warm ??= { answered: 0, at: start };
    return {
      requests: this.#answered,
      failed: this.#failed,
      seconds: (performance.now() - start) / 1000,
      perSecond: (over.answered - warm.answered) / (over.at - warm.at) * 1000,
      ...(pace && { latency: this.#latencies.summary() }),
    };
  }

  #unanswered(): string {
    return `${this.#connections.filter(({ request }) => request !== undefined).length} requests`;
  }

  #connect(): void {
    const fd = connect(this.#load.hostname, this.#load.port);
    this.#connections[fd] = { reader: new HttpAnswerReader(), request: undefined, sent: 0, dueAt: 0 };
    this.#poll.add(fd, EPOLLIN);
    this.#idle.push(fd);
  }

  #start(fd: number, dueAt: number): void {
    const connection = this.#connections[fd]!;
    const request = this.#requests[this.#started++ % this.#requests.length]!;
    connection.request = request;
    connection.dueAt = dueAt;
    connection.sent = Math.max(0, send(fd, request));
    if (connection.sent < request.length) this.#poll.change(fd, EPOLLIN | EPOLLOUT);
  }

  #ready(fd: number, events: number): void {
    const connection = this.#connections[fd]!;
    const { request } = connection;
    if (events & EPOLLOUT && request !== undefined && connection.sent < request.length) {
      connection.sent += Math.max(0, send(fd, request.subarray(connection.sent)));
      if (connection.sent === request.length) this.#poll.change(fd, EPOLLIN);
    }
    if (events & EPOLLIN) this.#read(fd, connection);
  }

  #read(fd: number, connection: Connection): void {
    const length = receive(fd, this.#input);
    if (length <= 0) {
      // A server may close a connection that nothing is on; a request without an answer has failed.
      if (connection.request !== undefined) this.#failed++;
      this.#reconnect(fd);
      return;
    }
    const status = connection.reader.read(this.#input, length);
    if (status === 0) return;
    this.#answered++;
    if (status > 299) this.#failed++;
    if (this.#load.perSecond !== undefined && connection.dueAt > this.#warmAt - SAME_MOMENT) {
      this.#latencies.add(performance.now() - connection.dueAt);
    }
    const isWhole = connection.sent === connection.request?.length;
    connection.request = undefined;
    if (isWhole) this.#idle.push(fd);
    else this.#reconnect(fd); // the rest of the request would be taken for the next one
  }

  #reconnect(fd: number): void {
    if (++this.#broken > MOST_BROKEN) throw new Error(`the server closed ${this.#broken} connections`);
    const idle = this.#idle.indexOf(fd);
    if (idle >= 0) this.#idle.splice(idle, 1);
    this.#poll.remove(fd);
    close(fd);
    delete this.#connections[fd];
    this.#connect();
  }
}

function requestOf(
  { hostname, port, contentType }: HttpLoad,
  path: string,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(
    `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: ${contentType}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`,
  );
  const request = new Uint8Array(head.length + body.length);
  request.set(head);
  request.set(body, head.length);
  return request;
}

const load: HttpLoad = JSON.parse(Deno.args[0] ?? "{}");
const result = new HttpGenerator(load, await Deno.readFile(load.bodyFile)).run();
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
