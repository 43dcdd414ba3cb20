import { fileURLToPath } from "node:url";
import type { Config, SinkConfig } from "./config.ts";
import { CONFIG_FILES } from "./config_file.ts";
import { RUNTIME_FLAGS } from "./runtime_settings.ts";
import { formatListenAddress, type ListenAddress } from "./listen_address.ts";
import { variablesOf } from "./sink_headers.ts";
import { addressOf } from "./sink_url.ts";
import { BODY_COMPRESSION_WORKER } from "../sinks/body_compressor.ts";
import { COMPRESSION_WORKER, WORKER_HAS_PRIORITY } from "../sinks/compression_thread.ts";

/** A permission of the runtime, and the flag that grants it. */
export interface NeededPermission {
  readonly descriptor: Deno.PermissionDescriptor;
  readonly flag: string;
}

/** What the WebSocket library asks the environment for when it is loaded. */
const LIBRARY_VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];

function readVariable(variable: string): NeededPermission {
  return { descriptor: { name: "env", variable }, flag: `--allow-env=${variable}` };
}

function reach(host: string): NeededPermission {
  return { descriptor: { name: "net", host }, flag: `--allow-net=${host}` };
}

function grant(name: "read" | "write", path: string): NeededPermission {
  return { descriptor: { name, path }, flag: `--allow-${name}=${path}` };
}

function ask(kind: string): NeededPermission {
  // The types know not every kind that the runtime does.
  return { descriptor: { name: "sys", kind } as Deno.SysPermissionDescriptor, flag: `--allow-sys=${kind}` };
}

/**
 * Says which permissions a config needs, and no more.
 *
 * @param config The config.
 * @returns The permissions.
 */
function neededPermissions(config: Config): NeededPermission[] {
  const listen = (address: ListenAddress) => reach(formatListenAddress(address));
  const { http, websocket, admin } = config.listen;
  const needed = [listen(http), listen(websocket), listen(admin), ...LIBRARY_VARIABLES.map(readVariable)];
  return [...needed, ...config.sinks.flatMap(permissionsOfSink)];
}

function permissionsOfSink(sink: SinkConfig): NeededPermission[] {
  switch (sink.type) {
    case "file": {
      const { directory, compression, minFreeBytes } = sink;
      const needed = [grant("read", directory), grant("write", directory)];
      if (minFreeBytes > 0) needed.push(ask("statfs"));
      if (compression !== "none") {
        needed.push(grant("read", fileURLToPath(COMPRESSION_WORKER)));
        if (WORKER_HAS_PRIORITY) needed.push(ask("setPriority"));
      }
      return needed;
    }
    case "stdout":
      return [];
    case "http": {
      const { url, otlpUrl, caFile, compression } = sink;
      const urls = [url, otlpUrl].filter((url) => url !== undefined);
      const files = caFile === undefined ? [] : [caFile];
      if (compression !== "none") files.push(fileURLToPath(BODY_COMPRESSION_WORKER));
      return [
        ...[...new Set(urls.map((url) => formatListenAddress(addressOf(url))))].map(reach),
        ...variablesOf(sink).map(readVariable),
        ...files.map((path) => grant("read", path)),
      ];
    }
  }
}

/**
 * Says which of the permissions that a config needs this process does not have.
 *
 * @param config The config.
 * @returns Their flags.
 */
export function missingPermissions(config: Config): string[] {
  return neededPermissions(config)
    .filter(({ descriptor }) => Deno.permissions.querySync(descriptor).state !== "granted")
    .map(({ flag }) => flag);
}

/**
 * Says with which flags of the runtime to start on a config: those that grant just the permissions it needs, and those
 * that keep the runtime small.
 *
 * @param config The config.
 * @param file The file that it was read from.
 * @returns The flags.
 */
export function runtimeFlags(config: Config, file: string): string[] {
  const files = CONFIG_FILES.includes(file) ? CONFIG_FILES : [file];
  return [
    ...RUNTIME_FLAGS,
    `--allow-read=${files.join(",")}`,
    ...neededPermissions(config).map(({ flag }) => flag),
  ];
}
