import type { ListenAddress } from "./listen_address.ts";
import type { Parsed } from "./quantity.ts";
import { quote } from "./quote.ts";

/**
 * Reads the address that a sink sends to: an http or https URL, with placeholders such as `{source}` behind its host.
 *
 * @param value The value from the config.
 * @param placeholders Those that may be there, without braces.
 * @returns The URL as it was given, or a message that says what would be right.
 */
export function parseSinkUrl(value: unknown, placeholders: readonly string[]): Parsed<string> {
  const refuse = (reason: string): Parsed<string> => ({
    ok: false,
    message: `${quote(value)} is not a URL to send to: ${reason}`,
  });
  if (typeof value !== "string") {
    return refuse('give one in quotes, such as "http://127.0.0.1:4318/v1/ingest"');
  }
  const url = URL.parse(value);
  if (url === null) return refuse("it has to be like http://host:port/path");
  if (url.username !== "" || url.password !== "") {
    // Without the value: a password is not for the terminal.
    return { ok: false, message: "a URL with a user name or password is not sent to: give them in a header" };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return refuse("it has to begin with http:// or https://");
  }
  if (url.hash !== "") return refuse("the part from # on would not be sent: leave it out");
  const [, authority = ""] = /^[a-z]+:\/*([^/?]*)/i.exec(value) ?? [];
  if (/[{}]/.test(authority)) return refuse("placeholders may stand behind the host only");
  const known = placeholders.map((name) => `{${name}}`);
  const unknown = value.match(/\{[^}]*\}?|\}/g)?.find((found) => !known.includes(found));
  if (unknown !== undefined) return refuse(`${unknown} is no placeholder: there is ${known.join(" and ")}`);
  return { ok: true, value };
}

/**
 * Says which address a URL leads to.
 *
 * @param url What {@linkcode parseSinkUrl} let pass.
 * @returns Its host, an IPv6 address without brackets, and its port.
 */
export function addressOf(url: string): ListenAddress {
  const { protocol, hostname, port } = new URL(url);
  return {
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? protocol === "https:" ? 443 : 80 : Number(port),
  };
}
