import { frame, RawWebSocket } from "./raw_websocket.ts";

/** Words of a frame before its filling: its camera, its number, and when it was taken, in milliseconds since the epoch. */
const HEAD_WORDS = 4;

/** Every so many words there is the number again, so that frames that are mixed are told from whole ones. */
const NUMBER_EVERY = 256;

const MASK = 0x1234_5678;

/** What a frame that was delivered says of itself. */
export interface Delivered {
  readonly camera: number;
  readonly number: number;
  /** When it was taken, in milliseconds since the epoch. */
  readonly takenAt: number;
}

/** Sends numbered, time-stamped frames at a steady rate. */
export class Camera implements Disposable {
  readonly #websocket: RawWebSocket;
  readonly #message: Uint8Array<ArrayBuffer>;
  readonly #payload: DataView;

  private constructor(websocket: RawWebSocket, camera: number, bytes: number) {
    this.#websocket = websocket;
    // The filling stays the same, and so need not be masked again for every frame.
    this.#message = frame(fillFrame(new Uint8Array(bytes), camera, 0, 0));
    this.#payload = new DataView(this.#message.buffer, this.#message.length - bytes);
  }

  /**
   * Connects a camera.
   *
   * @param url The URL of its source.
   * @param camera Its number.
   * @param bytes Of each frame; a multiple of 4.
   */
  static async connect(url: string, camera: number, bytes: number): Promise<Camera> {
    return new Camera(await RawWebSocket.connect(url), camera, bytes);
  }

  /**
   * Sends frames, from number 0 on. One that is late goes out at once.
   *
   * @param count How many.
   * @param rate How many a second.
   */
  async run(count: number, rate: number): Promise<void> {
    const start = performance.now();
    for (let number = 0; number < count; number++) {
      const wait = start + number * 1000 / rate - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      writeNumbers(this.#payload, number, Date.now(), MASK);
      await this.#websocket.sendRaw(this.#message);
    }
  }

  /** Ends the connection. */
  [Symbol.dispose](): void {
    this.#websocket.close();
  }
}

/**
 * Reads a frame back.
 *
 * @param bytes The frame as it was delivered.
 * @param length How many bytes it must have.
 * @returns What it says of itself.
 * @throws {Error} If not every byte is as it was sent.
 */
export function readFrame(bytes: Uint8Array<ArrayBuffer>, length: number): Delivered {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [camera, number] = [view.getUint32(0), view.getUint32(4)];
  const takenAt = Number(view.getBigUint64(8));
  const expected = fillFrame(new Uint8Array(length), camera, number, takenAt);
  if (expected.length !== bytes.length || expected.some((byte, i) => byte !== bytes[i])) {
    throw new Error(`Frame ${number} of camera ${camera} is not as it was sent`);
  }
  return { camera, number, takenAt };
}

function fillFrame(
  bytes: Uint8Array<ArrayBuffer>,
  camera: number,
  number: number,
  takenAt: number,
): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < bytes.length; i++) bytes[i] = i * 7 + (i >> 8) + camera;
  const view = new DataView(bytes.buffer);
  view.setUint32(0, camera);
  writeNumbers(view, number, takenAt, 0);
  return bytes;
}

function writeNumbers(view: DataView, number: number, takenAt: number, mask: number): void {
  view.setUint32(4, number ^ mask);
  view.setUint32(8, Math.floor(takenAt / 2 ** 32) ^ mask);
  view.setUint32(12, takenAt ^ mask);
  for (let word = HEAD_WORDS; word * 4 < view.byteLength; word += NUMBER_EVERY) {
    view.setUint32(word * 4, number ^ mask);
  }
}
