/**
 * Finds a port on loopback that nobody listens on, for a daemon that is to have the same one whenever it is started again.
 *
 * It is below those that the system gives to clients (from 32768 on, on Linux): one of theirs could be taken by a client
 * while the daemon is away, even by a client that tries to connect to that very port, and would then be connected to itself.
 *
 * @returns The port. Somebody else may take it before it is used, if they pick one in the same way.
 */
export function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
