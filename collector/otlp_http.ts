import { parseContentCoding } from "./content_coding.ts";
import { parseContentLength } from "./content_length.ts";
import { codingRefusal, mediaTypeRefusal, methodRefusal, noSourceRefusal } from "./head_refusal.ts";
import type { Ingest } from "./ingest.ts";
import { SHUTTING_DOWN } from "./ingest_answer.ts";
import { otlpAnswers } from "./otlp_answer.ts";
import { otlpFramer } from "./otlp_framing.ts";
import { otlpConversion } from "./otlp_json_encoding.ts";
import type { Signal } from "./otlp_signal.ts";
import { answerUnread, type Refusal } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { SourceRegistry } from "./source_registry.ts";

/** What it takes to receive OTLP. */
export interface OtlpReceiverOptions {
  readonly registry: SourceRegistry;
  readonly ingest: Ingest;
  /** Whether every request is refused, because the daemon stops. */
  readonly draining: () => boolean;
  /** Is told of a defect: an error that no agent can have caused. */
  readonly onDefect: (error: unknown) => void;
}

/**
 * Receives one request.
 *
 * @param request The request.
 * @param name Name of the source that it goes to.
 * @param signal What it carries.
 * @param options Where it goes.
 * @returns The answer.
 */
export function receiveOtlp(
  request: Request,
  name: string,
  signal: Signal,
  { registry, ingest, draining, onDefect }: OtlpReceiverOptions,
): Response | Promise<Response> {
  const { headers, method } = request;
  const encoding = parseEncoding(headers.get("content-type"));
  const answers = otlpAnswers(signal, encoding ?? "json");
  const refuse = (refusal: Refusal, source?: Source) => {
    source?.ledger.refuse("unsupported_media_type");
    return answerUnread(refusal, request, undefined, answers);
  };
  if (method !== "POST") return refuse(methodRefusal(method));
  if (draining()) return refuse(SHUTTING_DOWN);
  const source = registry.get(name);
  if (typeof source === "string") return refuse(noSourceRefusal(source, name, registry.limit));
  if (encoding === undefined) {
    return refuse(
      mediaTypeRefusal(headers.get("content-type"), "application/x-protobuf, application/json"),
      source,
    );
  }
  const coding = parseContentCoding(headers.get("content-encoding"));
  if (coding === undefined) return refuse(codingRefusal(headers.get("content-encoding")), source);
  return ingest.handle({
    request,
    source,
    framer: otlpFramer({
      signal,
      encoding,
      onOversight: (reason) => source.ledger.overlook(reason),
    }),
    conversion: encoding === "protobuf" && source.config.encoding === "json"
      ? otlpConversion(signal)
      : undefined,
    coding,
    length: parseContentLength(headers.get("content-length")),
    answers,
  }).catch((error) => {
    onDefect(error);
    return refuse({ status: 500, code: "internal", message: "the collector failed" });
  });
}

function parseEncoding(contentType: string | null): "json" | "protobuf" | undefined {
  const [type = ""] = (contentType ?? "").split(";", 1);
  switch (type.trim().toLowerCase()) {
    case "application/x-protobuf":
      return "protobuf";
    case "application/json":
      return "json";
    default:
      return undefined;
  }
}
