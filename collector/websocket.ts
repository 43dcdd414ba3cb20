import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
// @ts-types="npm:@types/ws@8.18.2"
import { type ServerOptions, WebSocketServer } from "ws";
import { PENSTOCK_V1 } from "./acknowledgements.ts";
import { OWN_ANSWERS } from "./answer_format.ts";
import type { Config } from "./config.ts";
import { noSourceRefusal } from "./head_refusal.ts";
import { type HttpIngest, INGEST_PATH } from "./http.ts";
import { SHUTTING_DOWN } from "./ingest_answer.ts";
import { formatListenAddress, type ListenAddress } from "./listen_address.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import { MessageAssembly } from "./message_assembly.ts";
import { CONNECTION_MEMORY } from "./message_memory.ts";
import { ReadDeadlines } from "./read_deadlines.ts";
import { ReadTurns } from "./read_turns.ts";
import { type Refusal, refusalHeaders } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { SourceRegistry } from "./source_registry.ts";
import { CloseCounter, type WebSocketFigures } from "./websocket_figures.ts";
import { WebSocketConnection } from "./websocket_connection.ts";

/** How long a client has to answer a close frame, in milliseconds; then its connection is ended. */
const CLOSE_TIMEOUT = 1000;

/** The most fragments of one message: 2 KiB each, where it is one of 8 MiB. Each is booked with half a KiB. */
const MOST_FRAGMENTS = 4096;

/** How many connections beyond the limit are still answered, with 503; more are ended without a word. */
const ANSWERED_BEYOND = 64;

/** Options of {@linkcode WebSocketIngest}. */
export interface WebSocketIngestOptions {
  readonly registry: SourceRegistry;
  readonly budget: MemoryBudget;
  readonly limits: Config["limits"];
  readonly websocket: Config["websocket"];
  /** The HTTP routes that are served beside the WebSockets. */
  readonly http: HttpIngest;
  /** Is told of a defect: an error that no agent can have caused. */
  readonly onDefect: (error: unknown) => void;
}

/** The WebSocket listener: upgrades on `GET /v1/ingest/{source}`, and the HTTP routes on the same port. */
export class WebSocketIngest {
  readonly #registry: SourceRegistry;
  readonly #limits: Config["limits"];
  readonly #config: Config["websocket"];
  readonly #onDefect: (error: unknown) => void;
  readonly #server: Server;
  readonly #websockets: WebSocketServer;
  readonly #assembly = new MessageAssembly();
  readonly #deadlines: ReadDeadlines;
  readonly #turns = new ReadTurns();
  readonly #connections = new Set<WebSocketConnection>();
  readonly #closed = new CloseCounter();
  #sockets = 0;
  #prober: ReturnType<typeof setInterval> | undefined;
  #draining = false;

  /** @param options Where records go, and the limits. */
  constructor({ registry, budget, limits, websocket, http, onDefect }: WebSocketIngestOptions) {
    this.#registry = registry;
    this.#limits = limits;
    this.#config = websocket;
    this.#onDefect = onDefect;
    this.#deadlines = new ReadDeadlines(limits.bodyTimeout);
    if (websocket.compression) {
      // One message at a time is decompressed, to at most `limits.body`: its pieces, and the message made of them.
      budget.account().charge(2 * limits.body);
    }
    const options: ServerOptions & { readonly closeTimeout: number; readonly maxFragments: number } = {
      noServer: true,
      clientTracking: false,
      skipUTF8Validation: true,
      maxPayload: limits.body,
      maxFragments: MOST_FRAGMENTS,
      closeTimeout: CLOSE_TIMEOUT,
      handleProtocols: (offered) => offered.has(PENSTOCK_V1) && PENSTOCK_V1,
      perMessageDeflate: websocket.compression && {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        concurrencyLimit: 1,
      },
    };
    this.#websockets = new WebSocketServer(options);
    const routes = getRequestListener((request) => http.fetch(request), {
      overrideGlobalObjects: false,
      autoCleanupIncoming: false, // it would read on for half a second
    });
    this.#server = createServer({
      headersTimeout: websocket.upgradeTimeout,
      shouldUpgradeCallback: isWebSocketUpgrade,
      requestTimeout: 0, // bodies have their own time, and streams as much as they like
      connectionsCheckingInterval: Math.max(100, Math.min(1000, websocket.upgradeTimeout / 4)),
    }, (request, response) => {
      if (this.#sockets > limits.connections) refuseRequest(this.#tooMany(), response);
      else routes(request, response).catch(onDefect);
    });
    this.#server.on("connection", (socket: Socket) => this.#connect(socket));
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** How many WebSockets there are and were. */
  get figures(): WebSocketFigures {
    let paused = 0;
    for (const connection of this.#connections) if (connection.paused) paused++;
    const { connections: limit } = this.#limits;
    return { open: this.#connections.size, paused, limit, closed: this.#closed.counts };
  }

  /**
   * Begins to listen.
   *
   * @param address Where.
   * @returns The URL.
   * @throws If it cannot listen there.
   */
  async listen({ hostname, port }: ListenAddress): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, hostname, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#server.on("error", this.#onDefect);
    this.#prober = setInterval(() => {
      for (const connection of this.#connections) connection.probe();
    }, this.#config.keepAlive);
    const { address, port: bound } = this.#server.address() as AddressInfo;
    return `ws://${formatListenAddress({ hostname: address, port: bound })}`;
  }

  /** Refuses every upgrade from now on, closes plain clients, and the others once what they sent is acknowledged. */
  drain(): void {
    this.#draining = true;
    this.#deadlines.close();
    for (const connection of this.#connections) connection.drain();
  }

  /** Closes everything. Resolves when every connection has ended: each has a second to say goodbye. */
  async close(): Promise<void> {
    clearInterval(this.#prober);
    // What was written last is acknowledged in this turn.
    await new Promise((resolve) => setImmediate(resolve));
    for (const connection of this.#connections) connection.goAway();
    await new Promise<void>((resolve) => {
      // The only error is that it does not listen, which is as well.
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  #connect(socket: Socket): void {
    if (this.#sockets >= this.#limits.connections + ANSWERED_BEYOND) {
      socket.destroy();
      return;
    }
    this.#sockets++;
    socket.once("close", () => this.#sockets--);
    socket.on("error", () => {}); // `close` follows, and whoever uses the socket is told by it
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const source = this.#admit(request);
    if ("status" in source) {
      refuseUpgrade(source, socket);
      return;
    }
    let isOpen = false;
    const giveBack = () => {
      if (!isOpen) source.memory.release(CONNECTION_MEMORY);
    };
    socket.once("close", giveBack); // also where the handshake is not one, which the library answers itself
    this.#websockets.handleUpgrade(
      request,
      socket,
      head as typeof head & Parameters<WebSocketServer["handleUpgrade"]>[2],
      (websocket) => {
        isOpen = true;
        const connection = new WebSocketConnection({
          websocket,
          socket: socket as Socket,
          source,
          limits: this.#limits,
          credit: Math.min(this.#config.credit, source.buffer.capacity.records),
          assembly: this.#assembly,
          deadlines: this.#deadlines,
          turns: this.#turns,
          onDefect: this.#onDefect,
          onClosed: (code) => {
            this.#connections.delete(connection);
            this.#closed.add(code);
          },
        });
        this.#connections.add(connection);
      },
    );
  }

  /** Finds the source that an upgrade is for and reserves its connection's memory, or says why there can be none. */
  #admit({ url = "" }: IncomingMessage): Source | Refusal {
    if (this.#draining) return SHUTTING_DOWN;
    const [path] = url.split("?", 1) as [string];
    if (!path.startsWith(INGEST_PATH)) {
      const message = `there is no route '${path}': WebSockets are opened at ${INGEST_PATH}{source}`;
      return { status: 404, code: "not_found", message };
    }
    if (this.#sockets > this.#limits.connections) return this.#tooMany();
    const name = path.slice(INGEST_PATH.length);
    const source = this.#registry.get(name);
    if (typeof source === "string") return noSourceRefusal(source, name, this.#registry.limit);
    if (source.memory.tryReserve(CONNECTION_MEMORY)) return source;
    source.ledger.refuse("overloaded");
    return {
      status: 503,
      code: "overloaded",
      message: "no memory is left for one more connection, try again",
    };
  }

  #tooMany(): Refusal {
    const { connections: limit } = this.#limits;
    const message = `there are ${limit} connections, as many as there may be`;
    return { status: 503, code: "too_many_connections", message, details: { limit } };
  }
}

/** Clients that ask for another protocol, such as `h2c`, are content with HTTP. */
function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

function refuseRequest(refusal: Refusal, response: ServerResponse): void {
  response.writeHead(refusal.status, { ...refusalHeaders(refusal), Connection: "close" });
  response.end(OWN_ANSWERS.refusal(refusal));
}

function refuseUpgrade(refusal: Refusal, socket: Duplex): void {
  const body = OWN_ANSWERS.refusal(refusal);
  const headers = { ...refusalHeaders(refusal), "Content-Length": body.length, Connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join("")}\r\n`);
  (socket as Socket).write(body);
  (socket as Socket).destroySoon();
}
