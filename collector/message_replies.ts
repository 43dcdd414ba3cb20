import type { Refusal } from "./refusal.ts";
import type { Accepted } from "../policies/mod.ts";

/** What a client is told of its messages. Everything is told in the order in which the messages came. */
export interface MessageReplies {
  /**
   * Tells of messages that a policy has decided on.
   *
   * @param messages How many they are: the next ones.
   * @param admission What was kept of their records.
   */
  admitted(messages: number, admission: Accepted): void;
  /**
   * Tells that one message, the next one, was refused.
   *
   * @param refusal Why.
   * @returns Whether the client may go on; if not, what it has sent already is not looked at.
   */
  refused(refusal: Refusal): boolean;
  /** Waits until the client has read enough of what it was told, where there is too much that it has not. */
  caughtUp(): Promise<void> | undefined;
}
