/** What a load brought about. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers that were not of the 200s. */
  readonly failed: number;
}

/** Options of {@linkcode putLoad}. */
export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** The body of every request. */
  readonly body: Uint8Array;
  /** @default {"application/x-ndjson"} */
  readonly contentType?: string;
}

/**
 * Says which generator puts the load.
 *
 * @returns `wrk` where it is installed, otherwise the one of this folder, which takes more of the machine itself.
 */
export async function findGenerator(): Promise<"wrk" | "built-in"> {
  try {
    await new Deno.Command("wrk", { args: ["-v"], stdout: "null", stderr: "null" }).output();
    return "wrk";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "built-in";
    throw error;
  }
}

/**
 * Sends the same request over and over, on several connections, for some seconds.
 *
 * @param generator What sends them.
 * @param options What is sent, where to and for how long.
 * @returns What came of it.
 */
export async function putLoad(generator: "wrk" | "built-in", options: LoadOptions): Promise<LoadResult> {
  const directory = await Deno.makeTempDir();
  try {
    return generator === "wrk" ? await runWrk(directory, options) : await runBuiltIn(directory, options);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function runWrk(
  directory: string,
  { url, connections, seconds, body, contentType = "application/x-ndjson" }: LoadOptions,
): Promise<LoadResult> {
  await Deno.writeFile(`${directory}/body`, body);
  const script = `${directory}/post.lua`;
  await Deno.writeTextFile(
    script,
    `
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "${contentType}"
    local file = io.open("${directory}/body", "rb")
    wrk.body = file:read("*a")
    file:close()
    done = function(summary)
      io.write(string.format('\\nRESULT {"requests":%d,"seconds":%f,"failed":%d}\\n', summary.requests,
        summary.duration / 1e6, summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout))
    end
    `,
  );
  const text = await output("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url]);
  const result = /^RESULT (.*)$/m.exec(text)?.[1];
  if (result === undefined) throw new Error(`wrk printed no result: ${text}`);
  return JSON.parse(result);
}

async function runBuiltIn(
  directory: string,
  { url, connections, seconds, body, contentType = "application/x-ndjson" }: LoadOptions,
): Promise<LoadResult> {
  const file = `${directory}/body`;
  await Deno.writeFile(file, body);
  const script = new URL("./load_generator.ts", import.meta.url).pathname;
  const options = [url, `${connections}`, `${seconds}`, file, contentType];
  return JSON.parse(
    await output(Deno.execPath(), ["run", "--allow-net", "--allow-read", script, ...options]),
  );
}

async function output(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
