import type { Socket } from "node:net";

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

  /**
   * @param socket What the library has just begun to read.
   * @throws {TypeError} If it does not read it with one listener.
   */
  constructor(socket: Socket) {
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
  }

  /**
   * Gives the library the next part of the stream.
   *
   * @param bytes The bytes.
   */
  write(bytes: Uint8Array): void {
    if (!this.#done) this.#listener.call(this.#socket, bytes);
  }

  /** Gives it nothing any more: it has had the close frame, or found a mistake, or the connection is gone. */
  end(): void {
    this.#done = true;
  }
}
