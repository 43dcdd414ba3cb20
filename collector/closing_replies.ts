import { closeCode } from "./close_code.ts";
import type { MessageReplies } from "./message_replies.ts";
import type { Refusal } from "./refusal.ts";

/**
 * What a client without a subprotocol is told: nothing, as long as its messages are admitted, and at the first one that is
 * not, why its connection is closed.
 */
export class ClosingReplies implements MessageReplies {
  readonly #close: (code: number, reason: string) => void;

  /** @param close Closes the connection, with a code and a reason. */
  constructor(close: (code: number, reason: string) => void) {
    this.#close = close;
  }

  admitted(): void {}

  refused(refusal: Refusal): boolean {
    // At shutdown the whole listener closes, with a code of its own.
    if (refusal.code !== "shutting_down") this.#close(closeCode(refusal), refusal.message);
    return false;
  }

  caughtUp(): undefined {
    return undefined;
  }
}
