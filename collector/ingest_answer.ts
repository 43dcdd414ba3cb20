import { type AnswerFormat, OWN_ANSWERS } from "./answer_format.ts";
import type { ReadFailure } from "./body_reader.ts";
import type { RefusalReason } from "./ledger.ts";
import type { StreamTotals } from "./ndjson_stream.ts";
import type { FramingFailure } from "./record_locator.ts";
import { answerRefusal, type Refusal } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { Accepted, Rejected } from "../policies/mod.ts";

/** What every request gets while the daemon shuts down. */
export const SHUTTING_DOWN: Refusal = {
  status: 503,
  code: "shutting_down",
  message: "the collector is shutting down, try again",
};

/** What the ledger calls the reason that a body could not be read for. */
export const READ_FAILURE_REASON: Readonly<Record<ReadFailure, RefusalReason>> = {
  too_large: "too_large",
  overloaded: "overloaded",
  timeout: "timeout",
  aborted: "aborted",
  shutting_down: "shutting_down",
};

/** How many records were kept, discarded, and pushed out. */
export type Counts = Omit<StreamTotals, "lost">;

/**
 * Makes the answer to a request whose records a policy has decided on.
 *
 * @param source Where they went.
 * @param admission What was kept of them.
 * @param answers How the answer is written.
 * @returns The answer: at once, or where the source acknowledges what is written, once it is.
 */
export function answerAccepted(
  source: Source,
  admission: Accepted,
  answers: AnswerFormat,
): Response | Promise<Response> {
  const { accepted: { records }, dropped, evicted, position } = admission;
  const counts = { accepted: records, dropped: dropped.records, evicted: evicted.records };
  if (source.config.ack === "buffered" || records === 0) return answerCounts(source, counts, answers);
  return source.settled(position, records).then((settlement) =>
    settlement === "lost"
      ? answerRefusal(notWritten(source, counts), answers)
      : answerCounts(source, counts, answers)
  );
}

/**
 * Makes the answer to a request of which everything is done.
 *
 * @param source Where its records went.
 * @param counts What became of them.
 * @param answers How the answer is written.
 * @returns The answer.
 */
export function answerCounts(source: Source, counts: Counts, answers: AnswerFormat = OWN_ANSWERS): Response {
  return answers.accepted(counts, source.config.ack !== "buffered");
}

/**
 * @param totals What became of the records of a stream so far.
 * @returns The same without what is no count.
 */
export function countsOf({ accepted, dropped, evicted }: Counts): Record<string, number> {
  return { accepted, dropped, evicted };
}

/**
 * @param source Where the records went.
 * @param counts What a policy had made of them.
 * @returns The refusal of records that were admitted and then lost, though the agent wants them written.
 */
export function notWritten(source: Source, counts: Counts): Refusal {
  const message = `records of source '${source.name}' could not be written, send them again`;
  return { status: 503, code: "not_written", message, details: countsOf(counts) };
}

/**
 * @param source Where the records were to go.
 * @param failure What is not a record.
 * @returns The refusal that says so.
 */
export function framingRefusal(source: Source, failure: FramingFailure): Refusal {
  const { code, record, offset, reason, limit, tooMany, field } = failure;
  if (tooMany) return rejectionRefusal(source, { rejected: "too_large" });
  const message = `record ${record}, byte ${offset}: ${reason}`;
  return code === "too_large"
    ? { status: 413, code, message, details: { record, offset, limit } }
    : { status: 400, code, message, details: { record, offset, ...(field && { field }) } };
}

/**
 * @param source Where the records were to go.
 * @param rejected Why its policy kept nothing of them.
 * @returns The refusal that says so.
 */
export function rejectionRefusal(source: Source, { rejected }: Rejected): Refusal {
  const { records, bytes } = source.buffer.capacity;
  switch (rejected) {
    case "too_large": {
      const limit = { records, bytes };
      const message = `batch is larger than the whole buffer of source '${source.name}': ` +
        `at most ${records} records and ${bytes} bytes`;
      return { status: 413, code: "too_large", message, details: { limit } };
    }
    case "overloaded": {
      const waited = source.policy.name === "block" ? ` for ${source.config.blockTimeout} ms` : "";
      const message = `buffer of source '${source.name}' was full${waited}, try again`;
      return { status: 503, code: "overloaded", message };
    }
    case "closed":
      return SHUTTING_DOWN;
    case "aborted":
      return { status: 503, code: "overloaded", message: "the agent went away while it waited" };
  }
}
