/** What WebSocket ingest is measured against: `ws` with its defaults, that counts messages and throws them away. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-types="npm:@types/ws@8.18.2"
import { WebSocketServer } from "ws";

let messages = 0;
const server = createServer((_request, response) => response.end(`${messages}`));
new WebSocketServer({ server }).on("connection", (websocket) => {
  websocket.on("message", () => messages++);
});
server.listen(0, "127.0.0.1", () => {
  const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The runner waits for this line.
  Deno.stderr.writeSync(
    new TextEncoder().encode(
      `${JSON.stringify({ message: "listening", http, websocket: http.replace("http", "ws") })}\n`,
    ),
  );
});
