import { isIPv4, isIPv6 } from "node:net";
import type { Parsed } from "./quantity.ts";
import { quote } from "./quote.ts";

/** Where a listener listens. */
export interface ListenAddress {
  /** A host name or an IP address; IPv6 without brackets, `::1`. */
  readonly hostname: string;
  /** A port; 0 lets the system choose a free one. */
  readonly port: number;
}

// Labels of RFC 1123. What consists of digits and dots only must be an IPv4 address instead.
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/**
 * Reads a listen address: `"127.0.0.1:4318"`, `"localhost:4318"`, `"[::1]:4318"`, `"0.0.0.0:0"`.
 *
 * @param value The value from the config.
 * @returns Host and port, or a message that names the value and what would be right.
 */
export function parseListenAddress(value: unknown): Parsed<ListenAddress> {
  const refuse = (reason: string): Parsed<never> => ({ ok: false, message: `${quote(value)} ${reason}` });
  const right = `give host and port such as "127.0.0.1:4318" or "[::1]:4318"`;

  if (typeof value !== "string") return refuse(`is not a listen address: ${right}`);
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(value);
  if (match === null) {
    return refuse(
      isIPv6(value)
        ? `is not a listen address: put the IPv6 address in brackets and add a port, "[${value}]:4318"`
        : `is not a listen address: ${right}`,
    );
  }
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65_535) {
    return refuse("has no valid port: give one from 0 to 65535, where 0 lets the system choose");
  }
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) return refuse(`has no IPv6 address in its brackets: ${right}`);
    return { ok: true, value: { hostname: bracketed, port } };
  }
  const hostname = plain ?? "";
  if (hostname === "") return refuse(`has no host: ${right}, or "0.0.0.0:${port}" for every interface`);
  if (/^[\d.]+$/.test(hostname) ? !isIPv4(hostname) : !HOST_NAME.test(hostname)) {
    return refuse(`has no valid host: ${right}`);
  }
  return { ok: true, value: { hostname, port } };
}

/**
 * Writes a listen address as it stands in the config and in a URL.
 *
 * @param address The address.
 * @returns Host and port, IPv6 in brackets.
 */
export function formatListenAddress({ hostname, port }: ListenAddress): string {
  return isIPv6(hostname) ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Says whether a second listener could not listen because of a first one.
 *
 * `0.0.0.0` takes the port on every IPv4 address, `::` on every address.
 *
 * @param a The one address.
 * @param b The other address.
 * @returns Whether both have the same port, other than 0, and hosts that overlap.
 */
export function overlaps(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const hosts = [a, b].map(({ hostname }) => hostname.toLowerCase().replace(/^localhost$/, "127.0.0.1"));
  if (hosts[0] === hosts[1] || hosts.includes("::")) return true;
  return hosts.includes("0.0.0.0") && !hosts.some((host) => isIPv6(host));
}
