import type { RefusalReason } from "./ledger.ts";
import type { Refusal } from "./refusal.ts";

/** Why a WebSocket is closed: the codes of RFC 6455, section 7.4.1, and of the registry that it set up. */
export const CLOSE = {
  GOING_AWAY: 1001,
  INVALID_PAYLOAD: 1007,
  POLICY_VIOLATION: 1008,
  TOO_LARGE: 1009,
  INTERNAL_ERROR: 1011,
  TRY_AGAIN_LATER: 1013,
} as const;

/** What the reason in a close frame may have at most: 125 bytes with the code. */
const LONGEST_REASON = 123;

/**
 * @param refusal Why a message is refused.
 * @returns The code that a connection is closed with because of it.
 */
export function closeCode({ status }: Refusal): number {
  switch (status) {
    case 400:
      return CLOSE.INVALID_PAYLOAD;
    case 413:
      return CLOSE.TOO_LARGE;
    default:
      return CLOSE.TRY_AGAIN_LATER;
  }
}

/**
 * @param code The code of an error that a connection failed with.
 * @returns What the ledger calls it; nothing where the client made no mistake, and the connection is just gone.
 */
export function refusalOfError(code: string | undefined): RefusalReason | undefined {
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return "too_large";
  // The library's own errors, and those of decompression.
  return code !== undefined && /^(WS_ERR|Z)_/.test(code) ? "protocol_error" : undefined;
}

/**
 * Makes a reason fit in a close frame.
 *
 * @param reason The reason.
 * @returns Its beginning, without half of a character.
 */
export function closeReason(reason: string): string {
  const bytes = new Uint8Array(LONGEST_REASON);
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, written));
}
