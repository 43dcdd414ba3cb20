// @ts-types="../types/deno_std_assert.d.ts"
import { assert } from "@std/assert";
import type { SourceConfig } from "../../collector/config.ts";
import { HttpIngest } from "../../collector/http.ts";
import { MemoryBudget } from "../../collector/memory_budget.ts";
import type { Source } from "../../collector/source.ts";
import { SourceRegistry } from "../../collector/source_registry.ts";
import { makeSource, sourceConfig } from "./sources.ts";

const encoder = new TextEncoder();

/** What differs from limits that nothing here comes near. */
export interface TestIngestOptions {
  /** The rules, by pattern. */
  readonly rules?: Record<string, Partial<SourceConfig>>;
  readonly memory?: number;
  readonly body?: number;
  readonly record?: number;
  readonly bodyTimeout?: number;
  readonly sources?: number;
}

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  readonly body: any;
}

/** The HTTP routes over real sources, without a socket and without flushers. */
export class TestIngest {
  readonly budget: MemoryBudget;
  readonly registry: SourceRegistry;
  readonly ingest: HttpIngest;
  readonly defects: unknown[] = [];

  constructor(options: TestIngestOptions = {}) {
    const { rules = { "*": {} }, memory = 1 << 28, sources = 10 } = options;
    const { body = 1 << 20, record = 1 << 16, bodyTimeout = 30_000 } = options;
    this.budget = new MemoryBudget({ limit: memory });
    this.registry = new SourceRegistry({
      rules: Object.entries(rules).map(([pattern, rule]) => sourceConfig({ ...rule, pattern })),
      limit: sources,
      create: (name, config) => makeSource({ ...config, name, memory: this.budget.account() }),
    });
    this.ingest = new HttpIngest({
      registry: this.registry,
      limits: { body, record, bodyTimeout },
      websocketUrl: () => "ws://127.0.0.1:4319",
      onDefect: (error) => this.defects.push(error),
    });
  }

  /** A source, made where it is not yet. */
  source(name: string): Source {
    const source = this.registry.get(name);
    assert(typeof source !== "string", `${name}: ${source}`);
    return source;
  }

  /** Sends a request; a stream has no length, and every other body does. */
  async send(
    path: string,
    body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    headers: Record<string, string> = {},
    method = "POST",
  ): Promise<Answer> {
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    const length: Record<string, string> = bytes instanceof Uint8Array
      ? { "Content-Length": `${bytes.length}` }
      : {};
    const init: RequestInit = { method, headers: { ...length, ...headers } };
    if (method !== "GET") init.body = bytes as BodyInit;
    const response = await this.ingest.app.request(path, init);
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  /** Sends records to a source. */
  post(
    source: string,
    body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return this.send(`/v1/ingest/${source}`, body, headers);
  }
}

/** Takes every record that a source holds, as a sink would, and lets them go. */
export function takeAll(source: Source): string {
  let text = "";
  for (;;) {
    const batch = source.take({ records: 1e6, bytes: 1e9 });
    if (batch === undefined) return text;
    text += new TextDecoder().decode(batch.data);
    source.commit();
  }
}

/** Makes a stream of pieces; it stays open where the last one is `open`. */
export function streamOf(...pieces: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      const piece = pieces[next++];
      if (piece === undefined) controller.close();
      else if (piece === "open") await new Promise(() => {});
      else controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece.slice());
    },
  }, { highWaterMark: 0 });
}
