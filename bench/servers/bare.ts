import type { Contestant } from "./contestant.ts";
import { ServerProcess } from "./server_process.ts";

function path(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

/** What the daemon is measured against: a server of the same kind that reads everything, throws it away and does nothing else. */
export const BARE: Contestant = {
  name: "bare",
  title: "bare server: reads each body or message and throws it away",
  takes: () => true,
  async start({ transport }) {
    const server = await ServerProcess.start(
      transport === "http" ? ["run", "--allow-net=127.0.0.1", path("./bare_http_server.ts")] : [
        "run",
        "--no-prompt",
        "--allow-env",
        "--allow-net=127.0.0.1",
        `--config=${path("../../deno.json")}`,
        path("./bare_websocket_server.ts"),
      ],
    );
    return {
      pid: server.pid,
      url: `${server.websocketUrl ?? server.url}/`,
      books: () => Promise.resolve(undefined),
      tidy: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};
