// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { EventEmitter } from "node:events";
import { Socket } from "node:net";
// @ts-types="npm:@types/ws@8.18.2"
import type { WebSocket } from "ws";
import { LibraryReceiver } from "../../collector/library_receiver.ts";

Deno.test("LibraryReceiver takes the listener of its socket off, and calls it until the end", () => {
  const socket = new Socket();
  const seen: unknown[] = [];
  socket.on("data", function (this: Socket, bytes: Uint8Array) {
    seen.push([this === socket, bytes.length]);
  });
  const websocket = new EventEmitter();
  const library = new LibraryReceiver(socket, websocket as unknown as WebSocket);
  assertEquals(socket.listenerCount("data"), 0);
  library.write(new Uint8Array(3));
  websocket.emit("message");
  assertEquals([library.messages, library.isDone], [1, false]);
  library.end();
  assertEquals(library.isDone, true);
  library.write(new Uint8Array(4));
  assertEquals(seen, [[true, 3]]);
  socket.destroy();
});

Deno.test("LibraryReceiver refuses a socket that is not read by one listener", () => {
  for (const listeners of [0, 2]) {
    const socket = new Socket();
    const websocket = new EventEmitter() as unknown as WebSocket;
    for (let i = 0; i < listeners; i++) socket.on("data", () => {});
    assertThrows(
      () => new LibraryReceiver(socket, websocket),
      TypeError,
      `the library has ${listeners} listeners`,
    );
    socket.destroy();
  }
});
