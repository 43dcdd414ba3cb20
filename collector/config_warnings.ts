import type { Config, ConfigError } from "./config.ts";
import { leastLimit } from "./memory_budget.ts";
import { messageMemory } from "./message_memory.ts";
import { formatBytes } from "./quantity.ts";

const KIB = 1024;

/**
 * Finds what a config allows and what can nevertheless never happen, so that those are surprised who want it. A config that
 * serves others well is no error because of that.
 *
 * @param config The config.
 * @returns What they have to know: where, and what would be right.
 */
export function configWarnings({ limits, websocket }: Config): ConfigError[] {
  const { memory, body } = limits;
  const aside = websocket.compression ? 2 * body : 0;
  const needed = Math.ceil((aside + leastLimit(messageMemory(body))) / KIB) * KIB;
  if (memory >= needed) return [];
  return [{
    path: "limits.memory",
    message:
      `${formatBytes(memory)} has no room for a WebSocket message of limits.body, ${formatBytes(body)}, ` +
      "which is refused as overloaded though nothing else is held: its pieces and the whole of it are there at once, and a " +
      "fifth is kept for other sources; where such messages come, " +
      `raise limits.memory to ${formatBytes(needed)} or lower limits.body`,
  }];
}
