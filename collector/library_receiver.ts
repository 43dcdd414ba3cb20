import type { Socket } from "node:net";
// @ts-types="npm:@types/ws@8.18.2"
import type { WebSocket } from "ws";

type Listener = (bytes: Uint8Array) => void;

/**
 * The WebSocket library's own way of taking in what a socket brings, to be given a part of it and not all.
 *
 * The library reads its socket by a listener like any other. That one is taken off the socket, and called for what the
 * library is to have.
 */
export class LibraryReceiver {
  readonly #socket: Socket;
  readonly #listener: Listener;
  #done = false;
  #messages = 0;

  /**
   * @param socket What the library has just begun to read.
   * @param websocket What it reads it for.
   * @throws {TypeError} If it does not read it with one listener.
   */
  constructor(socket: Socket, websocket: Pick<WebSocket, "on">) {
    const [listener, ...others] = socket.listeners("data");
    if (listener === undefined || others.length > 0) {
      throw new TypeError(
        `Cannot read WebSocket: the library has ${
          others.length + (listener ? 1 : 0)
        } listeners on its socket, not one`,
      );
    }
    socket.removeListener("data", listener as Listener);
    this.#socket = socket;
    this.#listener = listener as Listener;
    websocket.on("message", () => this.#messages++);
  }

  /**
   * How many messages it has handed on. What is not compressed it hands on at once: one that is whole and missing tells of
   * a mistake in what it was given, long before it does so itself.
   */
  get messages(): number {
    return this.#messages;
  }

  /**
   * Gives the library the next part of the stream.
   *
   * @param bytes The bytes.
   */
  write(bytes: Uint8Array): void {
    if (!this.#done) this.#listener.call(this.#socket, bytes);
  }

  /** Whether it is given nothing any more. */
  get isDone(): boolean {
    return this.#done;
  }

  /** Gives it nothing any more: it has had the close frame, or found a mistake, or the connection is gone. */
  end(): void {
    this.#done = true;
  }
}
