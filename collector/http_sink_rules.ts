import type { ConfigError, HttpSinkConfig, ListenConfig } from "./config.ts";
import { formatPath } from "./config_issue.ts";
import { formatListenAddress, type ListenAddress, overlaps } from "./listen_address.ts";
import { quote } from "./quote.ts";
import { headerConflicts } from "./sink_headers.ts";
import { addressOf } from "./sink_url.ts";

/**
 * Finds values of an http sink that are right by themselves and impossible together.
 *
 * @param sink The sink.
 * @param listen Where the daemon listens itself.
 * @returns One error for each.
 */
export function* httpSinkConflicts(
  sink: HttpSinkConfig,
  listen: ListenConfig,
): Generator<ConfigError, void> {
  const { name, url, otlpUrl } = sink;
  const error = (key: string, message: string): ConfigError => ({
    path: formatPath(["sinks", name, key]),
    message,
  });
  if (url === undefined && otlpUrl === undefined) {
    yield error("url", "is missing: give it, or otlpUrl where nothing but OTLP is sent, or both");
  }
  if (otlpUrl !== undefined && !otlpUrl.includes("{signal}")) {
    yield error(
      "otlpUrl",
      `${quote(otlpUrl)} is the same for every signal: put {signal} where logs, metrics or traces belong, ` +
        'as in "http://127.0.0.1:4318/v1/{signal}"',
    );
  }
  for (const [key, target] of [["url", url], ["otlpUrl", otlpUrl]] as const) {
    const own = target === undefined ? undefined : ownListener(addressOf(target), listen);
    if (own === undefined) continue;
    yield error(
      key,
      `${quote(target)} is this daemon's own listen.${own}, "${
        formatListenAddress(listen[own])
      }", so that every ` +
        "record would come back for ever: give the address of another one, or let this one listen elsewhere",
    );
    break; // the second one may be made of the first
  }
  yield* headerConflicts(sink);
}

/** Which listener has an address, as far as that can be told: of most names nobody knows here whose they are. */
function ownListener(address: ListenAddress, listen: ListenConfig): "http" | "websocket" | undefined {
  const here = /^(localhost|127\.[\d.]+|::1)$/.test(address.hostname);
  return (["http", "websocket"] as const).find((key) => {
    const { hostname, port } = listen[key];
    return port === address.port && (hostname === address.hostname || here && overlaps(listen[key], address));
  });
}
