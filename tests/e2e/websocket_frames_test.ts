// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { Camera, type Delivered, readFrame } from "./camera.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { assertBalanced } from "./numbered_records.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;
const CAMERAS = 8;
const RATE = 30;
const BYTES = 200_000;
const FRAMES = 10 * RATE;

/** Frames that the buffer of each camera holds, the one in flight included. */
const CAPACITY = 10;

/** Frames that the sink takes, of all cameras together, in a second. */
const SINK_RATE = 5;

const MEMORY = 48 * MIB;

/** Takes lines off a stream, one when it is asked for one: in between, nobody reads. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  for await (const piece of stream) {
    const parts = decoder.decode(piece, { stream: true }).split("\n");
    for (const part of parts.slice(0, -1)) {
      yield pieces.join("") + part;
      pieces = [];
    }
    pieces.push(parts.at(-1)!);
  }
  assertEquals(pieces.join(""), ""); // the last line is whole
}

/** The sink: standard output, from which the test takes five frames a second, and everything once the cameras are done. */
class SlowReader {
  readonly frames: (Delivered & { readonly source: string; readonly age: number })[] = [];
  readonly done: Promise<void>;
  readonly #pause = Promise.withResolvers<void>();
  #isPausing = false;
  #isPaused = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = this.#read(stream);
    this.done.catch(() => {}); // whoever wants to know waits for it
  }

  /** Takes nothing any more, once it has what it is about to take. */
  async pause(): Promise<void> {
    this.#isPausing = true;
    await waitFor(() => this.#isPaused, { what: "the reader to pause" });
  }

  /** Takes all that comes, as fast as it comes. */
  resume(): void {
    this.#pause.resolve();
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const start = performance.now();
    for await (const line of linesOf(stream)) {
      const { source, record } = JSON.parse(line);
      const frame = readFrame(Uint8Array.fromBase64(record), BYTES);
      this.frames.push({ source, age: Date.now() - frame.takenAt, ...frame });
      if (this.#isPausing) {
        this.#isPaused = true;
        await this.#pause.promise;
        continue;
      }
      const wait = start + this.frames.length * 1000 / SINK_RATE - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    }
  }
}

const nameOf = (camera: number) => `frames-cam${camera}`;
const CAMERA_NUMBERS = Array.from({ length: CAMERAS }, (_, i) => i + 1);

Deno.test("frames, drop_oldest: of 30 frames/s of 200 kB from each of 8 cameras a sink that takes 5 a second gets the newest, the ledger is exact, memory is bounded", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "piped",
    coverage: false,
    config: {
      limits: { memory: MEMORY },
      sources: {
        "frames-*": {
          kind: "frames",
          buffer: { records: CAPACITY, bytes: "4MiB" },
          batch: { records: 1, bytes: "1MiB" }, // one frame in flight, which alone cannot be evicted
        },
      },
      sinks: { out: { type: "stdout" } },
    },
  });
  const reader = new SlowReader(daemon.readStdout());
  using stack = new DisposableStack();
  const cameras: Camera[] = [];
  for (const camera of CAMERA_NUMBERS) {
    const url = `${daemon.websocketUrl}/v1/ingest/${nameOf(camera)}`;
    cameras.push(stack.use(await Camera.connect(url, camera, BYTES)));
  }
  const base = daemon.rss();
  let peak = base;
  let used = 0;
  let running = true;
  const watch = (async () => {
    while (running) {
      const { memory, sources } = await daemon.statusJson();
      for (const camera of CAMERA_NUMBERS) {
        const { ledger, buffer } = sources[nameOf(camera)];
        assertBalanced(ledger, nameOf(camera));
        assertLessOrEqual(buffer.records, CAPACITY);
      }
      used = Math.max(used, memory.used);
      peak = Math.max(peak, daemon.rss());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await Promise.all(cameras.map((camera) => camera.run(FRAMES, RATE)));
  await waitFor(async () => {
    const { sources } = await daemon.statusJson();
    return CAMERA_NUMBERS.every((camera) => sources[nameOf(camera)].ledger.received.records === FRAMES);
  }, { what: "the last frames to be received", timeout: 60_000 });
  running = false;
  await watch;

  await reader.pause();
  const slowly = reader.frames.length;
  const { sources } = await daemon.statusJson();
  reader.resume();
  await waitFor(async () => {
    const { sources } = await daemon.statusJson();
    return CAMERA_NUMBERS.every((camera) => sources[nameOf(camera)].buffer.records === 0);
  }, { what: "the buffers to be empty", timeout: 60_000 });
  stack.dispose(); // the cameras have nothing more to send
  const { code, ledger } = await daemon.stop();
  assertEquals(code, 0);
  await reader.done;

  for (const camera of CAMERA_NUMBERS) {
    const name = nameOf(camera);
    const frames = reader.frames.filter(({ source }) => source === name);
    assertEquals(frames.filter((frame) => frame.camera !== camera), []);
    const numbers = frames.map(({ number }) => number);
    assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b)); // strictly ascending
    // What was in the buffer when the last frame had come, but for one in flight, were the newest, without a gap.
    const { buffer } = sources[name];
    const newest = buffer.records - buffer.inFlight.records;
    assertGreater(newest, 0);
    assertEquals(numbers.slice(-newest), Array.from({ length: newest }, (_, i) => FRAMES - newest + i));
    // deno-lint-ignore no-explicit-any -- as the daemon logs it
    const books = (ledger!["sources"] as any)[name];
    assertBalanced(books, name);
    const amount = (records: number) => ({ records, bytes: records * BYTES });
    assertEquals(books, {
      received: amount(FRAMES),
      rejected: amount(0),
      dropped: amount(FRAMES - numbers.length),
      delivered: amount(numbers.length),
      buffered: amount(0),
    });
  }
  // It was put to the test: most frames had to go, and the sink did work.
  assertLess(reader.frames.length, CAMERAS * FRAMES / 2);
  assertGreater(slowly, 10);
  assertLessOrEqual(used, MEMORY);
  assertLess(peak - base, 1.5 * MEMORY);
  const ages = reader.frames.slice(0, slowly).map(({ age }) => age).sort((a, b) => a - b);
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `${reader.frames.length} of ${
        CAMERAS * FRAMES
      } frames delivered, ${slowly} of them while cameras sent, then ` +
        `${ages[ages.length >> 1]} ms old (median; at most ${ages.at(-1)}); memory +${
          mib(peak - base)
        } MiB over ` +
        `${mib(base)} MiB, of its budget at most ${mib(used)} MiB\n`,
    ),
  );
});
