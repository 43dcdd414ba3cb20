import type { HttpLoad, HttpLoadResult } from "./http_generator.ts";

/**
 * Puts load by `wrk`: one thread, each connection sends the next request as soon as the last one is answered.
 *
 * @param load What is to be sent; `seconds` is rounded to whole ones, as `wrk` takes no others.
 * @returns What came of it. Requests that were under way at the end are not counted, though the server has some of them.
 * @throws {Error} If it fails.
 */
export async function runWrk(load: HttpLoad): Promise<HttpLoadResult> {
  const { hostname, port, paths, connections, seconds } = load;
  const script = await Deno.makeTempFile({ prefix: "penstock-wrk-", suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, scriptOf(load));
    const url = `http://${hostname}:${port}${paths[0]}`;
    const args = ["-t1", `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, "-s", script, url];
    const { success, stdout, stderr } = await new Deno.Command("wrk", { args }).output();
    if (!success) throw new Error(`wrk failed: ${new TextDecoder().decode(stderr)}`);
    const text = new TextDecoder().decode(stdout);
    const result = /^RESULT (.*)$/m.exec(text)?.[1];
    if (result === undefined) throw new Error(`wrk printed no result: ${text}`);
    return JSON.parse(result);
  } finally {
    await Deno.remove(script);
  }
}

function scriptOf({ paths, bodyFile, contentType }: HttpLoad): string {
  return `
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "${contentType}"
    local file = io.open("${bodyFile}", "rb")
    wrk.body = file:read("*a")
    file:close()
    ${paths.length === 1 ? "" : inTurn(paths)}
    done = function(summary)
      local errors = summary.errors
      io.write(string.format('\\nRESULT {"requests":%d,"seconds":%f,"perSecond":%f,"failed":%d}\\n',
        summary.requests, summary.duration / 1e6, summary.requests / (summary.duration / 1e6), errors.status + errors.read + errors.write + errors.timeout))
    end
  `;
}

/** Makes the requests once; what is called for each of them only counts. */
function inTurn(paths: readonly string[]): string {
  return `
    local requests, n = {}, 0
    init = function()
      for path in ("${paths.join(" ")}"):gmatch("%S+") do requests[#requests + 1] = wrk.format(nil, path) end
    end
    request = function()
      n = n % #requests + 1
      return requests[n]
    end
  `;
}
