// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { Socket } from "node:net";
import { LibraryReceiver } from "../../collector/library_receiver.ts";

Deno.test("LibraryReceiver takes the listener of its socket off, and calls it until the end", () => {
  const socket = new Socket();
  const seen: unknown[] = [];
  socket.on("data", function (this: Socket, bytes: Uint8Array) {
    seen.push([this === socket, bytes.length]);
  });
  const library = new LibraryReceiver(socket);
  assertEquals(socket.listenerCount("data"), 0);
  library.write(new Uint8Array(3));
  library.end();
  library.write(new Uint8Array(4));
  assertEquals(seen, [[true, 3]]);
  socket.destroy();
});

Deno.test("LibraryReceiver refuses a socket that is not read by one listener", () => {
  for (const listeners of [0, 2]) {
    const socket = new Socket();
    for (let i = 0; i < listeners; i++) socket.on("data", () => {});
    assertThrows(() => new LibraryReceiver(socket), TypeError, `the library has ${listeners} listeners`);
    socket.destroy();
  }
});
