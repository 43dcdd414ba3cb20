/** In `/proc/net/tcp`: those that have been established and not been closed at this end. */
const OPEN: readonly (string | undefined)[] = ["01", "08"]; // ESTABLISHED, CLOSE_WAIT

/**
 * Counts the TCP connections over IPv4 to a port of this machine that its process has not closed, whatever became of the
 * other end: what the system knows, not what a process says of itself.
 *
 * @param port The port that they came to.
 * @returns How many.
 */
export function countConnections(port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = Deno.readTextFileSync("/proc/net/tcp").trim().split("\n").slice(1);
  return lines.filter((line) => {
    // proc_net(5): a number, the local address, the remote one, the state.
    const [, local, , state] = line.trim().split(/\s+/);
    return local?.endsWith(wanted) && OPEN.includes(state);
  }).length;
}
