import { type Context, Hono } from "hono";
import { answerUnread } from "./refusal.ts";
import type { Status } from "./status.ts";
import type { Telemetry } from "./telemetry.ts";

/** Options of {@linkcode adminApp}. */
export interface AdminOptions {
  /** Says where in its life the daemon is. */
  readonly state: () => Status["state"];
  readonly telemetry: Pick<Telemetry, "prometheus">;
  /** Tells how the daemon is doing. */
  readonly status: () => object;
  /** Is told of a defect: an error that nobody who asks can have caused. */
  readonly onDefect: (error: unknown) => void;
}

/** The content type of Prometheus' text format. */
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** What is asked for is how things are now. */
const NOW = { "Cache-Control": "no-store" };

/**
 * Makes the routes for whoever runs the daemon: health, metrics, status. They only read.
 *
 * @param options Where they read.
 * @returns The routes, to be served.
 */
export function adminApp({ state, telemetry, status, onDefect }: AdminOptions): Hono {
  const routes: Record<string, (c: Context) => Response | Promise<Response>> = {
    "/healthz": (c) => c.json({ status: "ok" }, 200, NOW),
    "/readyz": (c) => {
      const now = state();
      return c.json({ status: now }, now === "ready" ? 200 : 503, NOW);
    },
    "/metrics": (c) => c.body(telemetry.prometheus(), 200, { "Content-Type": PROMETHEUS, ...NOW }),
    "/status": (c) => c.json(status(), 200, NOW),
  };
  const app = new Hono();
  app.use(async (c, next) => {
    // The server would swallow such a body at full speed, after whatever answer, for as long as it comes.
    if (Number(c.req.header("content-length") ?? 0) === 0) return await next();
    if (c.req.method !== "GET" && c.req.method !== "HEAD") return await next();
    const message = `${c.req.method} takes no body`;
    return answerUnread({ status: 413, code: "too_large", message, details: { limit: 0 } }, c.req.raw);
  });
  for (const [path, answer] of Object.entries(routes)) {
    app.get(path, answer); // and HEAD, which Hono answers as GET without the body
    app.all(path, (c) =>
      answerUnread({
        status: 405,
        code: "method_not_allowed",
        message: `${c.req.method} is not allowed here: nothing can be changed, only read with GET`,
        headers: { Allow: "GET, HEAD" },
      }, c.req.raw));
  }
  app.notFound((c) =>
    answerUnread({
      status: 404,
      code: "not_found",
      message: `there is no route '${c.req.path}': there are ${Object.keys(routes).join(", ")}`,
    }, c.req.raw)
  );
  app.onError((error, c) => {
    onDefect(error);
    return answerUnread({ status: 500, code: "internal", message: "the collector failed" }, c.req.raw);
  });
  return app;
}
