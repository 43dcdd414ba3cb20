// A client in a process of its own, which a test can stop or kill: `websocket_agent.ts idle|flood|flood-v1 URL [FROM]`.
// It writes a line to its standard output once it is connected.
import { MessageFlood } from "./message_flood.ts";

const [mode, url = "", from = "0"] = Deno.args;

function report(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (mode === "idle") {
  const websocket = new WebSocket(url);
  websocket.onopen = () => report("connected");
} else {
  await MessageFlood.start(url, { from: Number(from), acknowledged: mode === "flood-v1" });
  report("connected");
}
