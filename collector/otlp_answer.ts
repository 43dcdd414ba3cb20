import { create, toBinary } from "@bufbuild/protobuf";
import type { AnswerFormat } from "./answer_format.ts";
import { BadRequestSchema, ExportServiceResponseSchema, RpcStatusSchema } from "./otlp/otlp_pb.ts";
import type { Signal } from "./otlp_signal.ts";
import type { Refusal } from "./refusal.ts";

const encoder = new TextEncoder();

/** What the field of a partial success is called in JSON; in Protobuf it has the same number for every signal. */
const REJECTED: Readonly<Record<Signal, string>> = {
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
  traces: "rejectedSpans",
};

/** The status codes of RPCs (google.rpc.Code) that tell the same as those of HTTP. Clients do not depend on them. */
const RPC_CODES: Readonly<Record<Refusal["status"], number>> = {
  400: 3, // INVALID_ARGUMENT
  404: 5, // NOT_FOUND
  405: 12, // UNIMPLEMENTED
  408: 4, // DEADLINE_EXCEEDED
  413: 8, // RESOURCE_EXHAUSTED
  415: 3,
  426: 12,
  429: 8,
  500: 13, // INTERNAL
  503: 14, // UNAVAILABLE
};

const BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest";

/** Why a drop policy did not keep everything, for the logs of the agent. */
const DROPPED = "the buffer of the collector was full";

/**
 * Says how the answers to OTLP requests are written: as the specification of OTLP/HTTP has it, in the encoding of the
 * request. Success is an empty message, or tells how many log records, data points or spans were not kept; a refusal is a
 * `google.rpc.Status`, with a `google.rpc.BadRequest` where the request was not valid.
 *
 * @param signal What the requests carry.
 * @param encoding How they are encoded.
 * @returns The format.
 */
export function otlpAnswers(signal: Signal, encoding: "json" | "protobuf"): AnswerFormat {
  return encoding === "json" ? JSON_ANSWERS[signal] : PROTOBUF_ANSWERS;
}

const PROTOBUF_ANSWERS: AnswerFormat = {
  contentType: "application/x-protobuf",
  refusal: (refusal) => {
    const { message } = refusal;
    const details = refusal.status === 400
      ? [{
        typeUrl: BAD_REQUEST,
        value: toBinary(BadRequestSchema, create(BadRequestSchema, violations(refusal))),
      }]
      : [];
    return toBinary(
      RpcStatusSchema,
      create(RpcStatusSchema, { code: RPC_CODES[refusal.status], message, details }),
    );
  },
  accepted: ({ dropped }) => {
    const partialSuccess = { rejected: BigInt(dropped), errorMessage: DROPPED };
    const body = dropped === 0
      ? new Uint8Array(0)
      : toBinary(ExportServiceResponseSchema, create(ExportServiceResponseSchema, { partialSuccess }));
    return new Response(body, { headers: { "Content-Type": "application/x-protobuf" } });
  },
};

const JSON_ANSWERS: Readonly<Record<Signal, AnswerFormat>> = {
  logs: jsonAnswers("logs"),
  metrics: jsonAnswers("metrics"),
  traces: jsonAnswers("traces"),
};

function jsonAnswers(signal: Signal): AnswerFormat {
  return {
    contentType: "application/json",
    refusal: (refusal) => {
      const { status, message } = refusal;
      const details = status === 400 ? { details: [{ "@type": BAD_REQUEST, ...violations(refusal) }] } : {};
      return encoder.encode(JSON.stringify({ code: RPC_CODES[status], message, ...details }));
    },
    accepted: ({ dropped }) => {
      const partialSuccess = { [REJECTED[signal]]: `${dropped}`, errorMessage: DROPPED };
      const body = dropped === 0 ? "{}" : JSON.stringify({ partialSuccess });
      return new Response(body, { headers: { "Content-Type": "application/json" } });
    },
  };
}

function violations({ message, details }: Refusal) {
  return { fieldViolations: [{ field: String(details?.["field"] ?? ""), description: message }] };
}
