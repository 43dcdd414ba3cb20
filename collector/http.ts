import { Hono } from "hono";
import { OWN_ANSWERS } from "./answer_format.ts";
import { parseContentCoding } from "./content_coding.ts";
import { parseContentLength } from "./content_length.ts";
import {
  codingRefusal,
  mediaTypeRefusal,
  methodRefusal,
  noSourceRefusal,
  upgradeRefusal,
} from "./head_refusal.ts";
import { Ingest } from "./ingest.ts";
import { SHUTTING_DOWN } from "./ingest_answer.ts";
import type { IngestLimits } from "./ingest_request.ts";
import { framerFor, MEDIA_TYPES } from "./media_type.ts";
import { addOtlpRoutes } from "./otlp_routes.ts";
import { answerUnread } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { SourceRegistry } from "./source_registry.ts";

/** Where records are sent to, with the name of the source behind it. */
export const INGEST_PATH = "/v1/ingest/";

/** Options of {@linkcode HttpIngest}. */
export interface HttpIngestOptions {
  readonly registry: SourceRegistry;
  readonly limits: IngestLimits;
  /** Tells the URL that WebSockets are opened at, without the path. */
  readonly websocketUrl: () => string;
  /** Is told of a defect: an error that no agent can have caused. */
  readonly onDefect: (error: unknown) => void;
}

/** The HTTP routes for agents: `POST /v1/ingest/{source}`, and those of OTLP. */
export class HttpIngest {
  /** The routes, to be served. */
  readonly app = new Hono();
  readonly #registry: SourceRegistry;
  readonly #ingest: Ingest;
  #draining = false;
  /** Where the last request went that was to a source that exists: mostly, the next one is from the same agent. */
  #lastUrl = "";
  #lastSource: Source | undefined;

  /** @param options Where records go, and the limits. */
  constructor({ registry, limits, websocketUrl, onDefect }: HttpIngestOptions) {
    this.#registry = registry;
    this.#ingest = new Ingest(limits);
    this.app.post(`${INGEST_PATH}:source`, (c) => this.#post(c.req.param("source"), c.req.raw));
    this.app.all(`${INGEST_PATH}:source`, (c) => {
      const isUpgrade = c.req.header("upgrade")?.toLowerCase() === "websocket";
      const refusal = isUpgrade
        ? upgradeRefusal(`${websocketUrl()}${c.req.path}`)
        : methodRefusal(c.req.method);
      return answerUnread(refusal, c.req.raw);
    });
    addOtlpRoutes(this.app, { registry, ingest: this.#ingest, draining: () => this.#draining, onDefect });
    this.app.notFound((c) =>
      answerUnread({
        status: 404,
        code: "not_found",
        message: `there is no route '${c.req.path}': records are sent to /v1/ingest/{source}, ` +
          "OTLP to /v1/logs, /v1/metrics, /v1/traces and /sources/{source}/v1/{signal}",
      }, c.req.raw)
    );
    this.app.onError((error, c) => {
      onDefect(error);
      return answerUnread({ status: 500, code: "internal", message: "the collector failed" }, c.req.raw);
    });
  }

  /**
   * Answers a request. One to a source that exists does not go through the router, which is a tenth of such a request.
   *
   * @param request The request.
   * @returns The answer.
   */
  fetch(request: Request): Response | Promise<Response> {
    if (request.method === "POST") {
      const source = this.#find(request.url);
      if (source !== undefined) return this.#ingestInto(source, request);
    }
    return this.app.fetch(request);
  }

  /** Refuses every request from now on, and gives up on those whose body is still being read. */
  drain(): void {
    this.#draining = true;
    this.#ingest.close();
  }

  #find(url: string): Source | undefined {
    if (url === this.#lastUrl) return this.#lastSource;
    const path = url.indexOf("/", "http://".length);
    if (!url.startsWith(INGEST_PATH, path)) return undefined;
    const source = this.#registry.find(url, path + INGEST_PATH.length);
    if (source !== undefined) {
      this.#lastUrl = url;
      this.#lastSource = source;
    }
    return source;
  }

  #post(name: string, request: Request): Promise<Response> | Response {
    if (this.#draining) return answerUnread(SHUTTING_DOWN, request);
    const source = this.#registry.get(name);
    if (typeof source === "string") {
      return answerUnread(noSourceRefusal(source, name, this.#registry.limit), request);
    }
    return this.#ingestInto(source, request);
  }

  #ingestInto(source: Source, request: Request): Promise<Response> | Response {
    if (this.#draining) return answerUnread(SHUTTING_DOWN, request);
    const { headers } = request;
    // The runtime lists the headers of every request that one was asked of, at its end if not before. `has()` has it do so
    // now, and what is asked for later is looked up there: three calls into the runtime less. It keeps to its own way for a
    // few names in lower case, `content-type` among them.
    const coding = headers.has("content-encoding")
      ? parseContentCoding(headers.get("content-encoding"))
      : "identity";
    const framer = framerFor(headers.get("Content-Type"));
    if (framer === undefined) {
      source.ledger.refuse("unsupported_media_type");
      return answerUnread(mediaTypeRefusal(headers.get("content-type"), MEDIA_TYPES), request);
    }
    if (coding === undefined) {
      source.ledger.refuse("unsupported_media_type");
      return answerUnread(codingRefusal(headers.get("content-encoding")), request);
    }
    const length = parseContentLength(headers.get("content-length"));
    return this.#ingest.handle({ request, source, framer, coding, length, answers: OWN_ANSWERS });
  }
}
