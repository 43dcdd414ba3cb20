import type { Counts } from "./ingest_answer.ts";
import type { Refusal } from "./refusal.ts";

/** How answers are written: each protocol has bodies of its own. */
export interface AnswerFormat {
  /** The content type of every body. */
  readonly contentType: string;
  /**
   * Writes the body of a refusal.
   *
   * @param refusal The refusal.
   * @returns The body.
   */
  refusal(refusal: Refusal): Uint8Array<ArrayBuffer>;
  /**
   * Answers a request of which everything is done.
   *
   * @param counts What became of its records.
   * @param written Whether they were waited for until every sink had them.
   * @returns The answer.
   */
  accepted(counts: Counts, written: boolean): Response;
}

const JSON_HEADERS = { "Content-Type": "application/json" };
const encoder = new TextEncoder();

/** The answers of the project's own routes. */
export const OWN_ANSWERS: AnswerFormat = {
  contentType: "application/json",
  refusal: ({ code, message, details }) =>
    encoder.encode(JSON.stringify({ error: { code, message, ...details } }) + "\n"),
  accepted: ({ accepted, dropped, evicted }, written) => {
    const body = `{"accepted":${accepted},"dropped":${dropped},"evicted":${evicted}}\n`;
    return new Response(body, { status: written ? 200 : 202, headers: JSON_HEADERS });
  },
};
