import { decodeBody, ONE_GO, readBody } from "./body_reader.ts";
import { frameNdjson } from "./framing.ts";
import { answerAccepted, framingRefusal, READ_FAILURE_REASON, rejectionRefusal } from "./ingest_answer.ts";
import {
  framingLimits,
  type IngestContext,
  type IngestLimits,
  type IngestRequest,
  readRefusal,
  refuseUnread,
  reserve,
} from "./ingest_request.ts";
import { streamRequest } from "./ingest_stream.ts";
import type { RefusalReason } from "./ledger.ts";
import { blockSize, freeMemory, giveBlock } from "./memory.ts";
import { MemoryLease } from "./memory_lease.ts";
import { PendingRead, ReadDeadlines, type ReadEnd } from "./read_deadlines.ts";
import { answerRefusal, type Refusal } from "./refusal.ts";
import type { Admission } from "../policies/mod.ts";

/**
 * Brings the records of HTTP requests into sources: reserve memory, read, take the coding off, frame, offer, answer.
 * What a request may not have is refused at the earliest of these steps, and the answer says what would be right.
 */
export class Ingest {
  readonly #context: IngestContext;

  /** @param limits The limits of every request. */
  constructor(limits: IngestLimits) {
    this.#context = { limits, deadlines: new ReadDeadlines(limits.bodyTimeout) };
  }

  /** Gives up on every body that is still being read. */
  close(): void {
    this.#context.deadlines.close();
  }

  /**
   * Ingests the body of one request.
   *
   * @param ingest The request.
   * @returns The answer; it never rejects because of what an agent sends.
   */
  handle(ingest: IngestRequest): Promise<Response> {
    const { coding, conversion, framer, length, source } = ingest;
    if (length === undefined) {
      // Two codings can only be taken off a whole body.
      return framer === frameNdjson && coding !== "br" && coding !== "zstd"
        ? streamRequest({ ...ingest, coding }, this.#context)
        : this.#whole(ingest);
    }
    const isSmall = length <= ONE_GO && length <= this.#context.limits.body && coding === "identity" &&
      conversion === undefined;
    const reserved = length + 1; // the line feed that the last line may lack
    return isSmall && source.memory.tryReserve(reserved)
      ? this.#small(ingest, reserved)
      : this.#whole(ingest);
  }

  /**
   * The same as for any other body, without what most requests do not need. The rate at one record a request depends on
   * it: an async function, a `using` and a lease are measurable here, each at about a tenth of the request.
   */
  #small(ingest: IngestRequest, reserved: number): Promise<Response> {
    const { source: { memory }, request } = ingest;
    const { deadlines } = this.#context;
    return new Promise((resolve, reject) => {
      const giveUp = (end: ReadEnd | "aborted") => {
        memory.release(reserved);
        resolve(refuseUnread(ingest, end, this.#context));
      };
      const read = new PendingRead(giveUp);
      deadlines.begin(read);
      request.bytes().then((body) => {
        if (!deadlines.done(read)) return;
        try {
          resolve(this.#admitSmall(ingest, body, reserved));
        } catch (error) {
          reject(error); // a defect, which must not leave the agent without an answer
        }
      }, () => {
        if (deadlines.done(read)) giveUp("aborted");
      });
    });
  }

  #admitSmall(ingest: IngestRequest, body: Uint8Array, reserved: number): Response | Promise<Response> {
    const { source, framer, request } = ingest;
    const { memory } = source;
    const { limits } = this.#context;
    const framing = framer(body, framingLimits(source, limits.record));
    if (!framing.ok) {
      memory.release(reserved);
      freeMemory(body);
      return refuse(ingest, framing.code, framingRefusal(source, framing));
    }
    const { batch } = framing;
    const grown = Math.max(0, batch.data.length - reserved); // a line of text becomes a longer record
    if (grown > 0 && !memory.tryReserve(grown)) {
      memory.release(reserved);
      freeMemory(body);
      return refuse(ingest, "overloaded", readRefusal(ingest, "overloaded", limits));
    }
    const answer = (admission: Admission) => {
      memory.release(reserved + grown);
      freeMemory(body); // whatever was kept of it was copied
      return answerAdmission(ingest, admission);
    };
    const admission = source.offer(batch, request);
    return admission instanceof Promise ? admission.then(answer) : answer(admission);
  }

  async #whole(ingest: IngestRequest): Promise<Response> {
    const { request, source, framer, coding, conversion, length } = ingest;
    const { limits, deadlines } = this.#context;
    const { body: limit } = limits;
    if (length !== undefined && length > limit) return refuseUnread(ingest, "too_large", { limits });
    using lease = new MemoryLease(source.memory, 0);
    using beside = new MemoryLease(source.memory, 0);
    if (length !== undefined) {
      const needed = length <= ONE_GO ? length + 1 : blockSize(length + 1); // as it will be read
      // All at once: who holds a body while it waits for more keeps others from getting on.
      const growth = conversion === undefined ? 0 : Math.ceil(conversion.growth * length);
      const failure = await reserve(ingest, lease, needed + growth);
      if (failure !== undefined) return refuseUnread(ingest, failure, { limits });
      lease.moveTo(beside, growth);
    }
    const read = await readBody(request, { length, limit, lease, deadlines });
    if (!read.ok) return refuseUnread(ingest, read.failure, { limits, reader: read.reader });
    let body: Uint8Array = read.body;
    if (coding !== "identity") {
      const decoded = await decodeBody(coding, read.body, { limit, lease });
      if (!decoded.ok) {
        const { failure } = decoded;
        return failure === "invalid_encoding"
          ? refuse(ingest, "invalid_record", { status: 400, code: failure, message: decoded.reason })
          : refuse(ingest, READ_FAILURE_REASON[failure], readRefusal(ingest, failure, limits));
      }
      body = decoded.body;
    }
    const noMemory = () => refuse(ingest, "overloaded", readRefusal(ingest, "overloaded", limits));
    let framing = framer(body, framingLimits(source, limits.record));
    if (framing.ok && framing.batch.ends.length > 0 && conversion !== undefined) {
      const converted = conversion.convert(framing.batch, beside);
      if (converted === "overloaded") {
        giveBlock(body.buffer as ArrayBuffer); // memory is short, and garbage has no limit
        return noMemory();
      }
      framing = converted;
    }
    if (!framing.ok) return refuse(ingest, framing.code, framingRefusal(source, framing));
    const { batch } = framing;
    const rewritten = batch.data.buffer !== body.buffer;
    if (rewritten) giveBlock(body.buffer as ArrayBuffer); // now, as whoever has to wait for room keeps the rest
    const rest = Math.max(0, batch.data.length - beside.bytes);
    if ((rewritten || rest > lease.bytes) && !lease.tryResize(rest)) return noMemory();
    const admission = await source.offer({ ...batch, owned: true }, request);
    // A batch of one record may have been kept as it is; any other was copied or discarded.
    const kept = "accepted" in admission && admission.accepted.records > 0 && batch.ends.length === 1;
    if (!kept && !rewritten) giveBlock(body.buffer as ArrayBuffer);
    lease.tryResize(0);
    beside.tryResize(0);
    return await answerAdmission(ingest, admission);
  }
}

function answerAdmission(
  { source, answers }: IngestRequest,
  admission: Admission,
): Response | Promise<Response> {
  return "rejected" in admission
    ? answerRefusal(rejectionRefusal(source, admission), answers)
    : answerAccepted(source, admission, answers);
}

function refuse({ source, answers }: IngestRequest, reason: RefusalReason, refusal: Refusal): Response {
  source.ledger.refuse(reason);
  return answerRefusal(refusal, answers);
}
