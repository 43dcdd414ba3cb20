import type { HttpLoad, HttpLoadResult } from "./http_generator.ts";
import type { WebSocketLoad, WebSocketLoadResult } from "./websocket_generator.ts";
import { runWrk } from "./wrk.ts";

/** What can put load on an HTTP server. */
export type Generator = "wrk" | "built-in";

/** Options of {@linkcode putLoad}. */
export interface LoadOptions {
  /** Where requests go to, one after the other where there are several; an IPv4 address and a port. */
  readonly url: string | readonly string[];
  readonly connections: number;
  /** `wrk` takes whole seconds only. */
  readonly seconds: number;
  /** The body of every request. */
  readonly body: Uint8Array;
  /** @default {"application/x-ndjson"} */
  readonly contentType?: string;
}

/** Options of {@linkcode putWebSocketLoad}. */
export interface WebSocketLoadOptions
  extends Omit<WebSocketLoad, "hostname" | "port" | "path" | "messageFile"> {
  readonly url: string;
  /** What is in every message. */
  readonly message: Uint8Array;
}

/**
 * Says which generator puts the load.
 *
 * @returns `wrk` where it is installed, otherwise the one of this folder.
 */
export async function findGenerator(): Promise<Generator> {
  try {
    await new Deno.Command("wrk", { args: ["-v"], stdout: "null", stderr: "null" }).output();
    return "wrk";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "built-in";
    throw error;
  }
}

/**
 * Sends the same body over and over, on several connections, each as soon as the last one is answered, for some seconds.
 *
 * @param generator What sends it.
 * @param options What is sent, where to and for how long.
 * @returns What came of it.
 */
export async function putLoad(generator: Generator, options: LoadOptions): Promise<HttpLoadResult> {
  return await withFile(options.body, (file) => {
    const load = httpLoad(options, file);
    return generator === "wrk" ? runWrk(load) : runGenerator("http_generator.ts", load);
  });
}

/**
 * Sends a body at a steady rate, whatever the answers, and tells how long these took from when their request was due. Always
 * by the built-in generator: `wrk` waits for answers.
 *
 * @param options What is sent, where to and for how long.
 * @param perSecond How many requests are due each second.
 * @returns What came of it.
 */
export async function putSteadyLoad(options: LoadOptions, perSecond: number): Promise<HttpLoadResult> {
  return await withFile(
    options.body,
    (file) => runGenerator("http_generator.ts", { ...httpLoad(options, file), perSecond }),
  );
}

/**
 * Sends the same WebSocket message over and over.
 *
 * @param options What is sent, where to, how fast and for how long.
 * @returns What came of it.
 */
export async function putWebSocketLoad(
  { url, message, ...options }: WebSocketLoadOptions,
): Promise<WebSocketLoadResult> {
  const { hostname, port, pathname } = new URL(url);
  return await withFile(message, (messageFile) => {
    const load: WebSocketLoad = { ...options, hostname, port: Number(port), path: pathname, messageFile };
    return runGenerator("websocket_generator.ts", load);
  });
}

function httpLoad(options: LoadOptions, bodyFile: string): HttpLoad {
  const { url, connections, seconds, contentType = "application/x-ndjson" } = options;
  const urls = (typeof url === "string" ? [url] : url).map((text) => new URL(text));
  const { hostname, port } = urls[0]!;
  const paths = urls.map(({ pathname }) => pathname);
  return { hostname, port: Number(port), paths, contentType, bodyFile, connections, seconds };
}

async function withFile<T>(bytes: Uint8Array, use: (file: string) => Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ prefix: "penstock-load-" });
  try {
    await Deno.writeFile(file, bytes);
    return await use(file);
  } finally {
    await Deno.remove(file);
  }
}

async function runGenerator<Result>(script: string, load: HttpLoad | WebSocketLoad): Promise<Result> {
  const path = new URL(script, import.meta.url).pathname;
  const args = ["run", "--quiet", "--no-prompt", "--allow-ffi", "--allow-read", path, JSON.stringify(load)];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(`The load generator failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
