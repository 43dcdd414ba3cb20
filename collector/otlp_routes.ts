import type { Hono } from "hono";
import type { OtlpReceiverOptions } from "./otlp_http.ts";
import { type Signal, SIGNALS } from "./otlp_signal.ts";

/**
 * Adds the routes of OTLP/HTTP: `POST /v1/{signal}` into the source `otlp-{signal}`, and
 * `POST /sources/{source}/v1/{signal}` into any other.
 *
 * What answers them is loaded with the first request: a daemon that gets none is several megabytes smaller.
 *
 * @param app Where to.
 * @param options Where requests go.
 */
export function addOtlpRoutes(app: Hono, options: OtlpReceiverOptions): void {
  const receive = async (request: Request, source: string, signal: Signal) => {
    const { receiveOtlp } = await import("./otlp_http.ts");
    return await receiveOtlp(request, source, signal, options);
  };
  for (const signal of SIGNALS) {
    app.all(`/v1/${signal}`, (c) => receive(c.req.raw, `otlp-${signal}`, signal));
    app.all(`/sources/:source/v1/${signal}`, (c) => receive(c.req.raw, c.req.param("source"), signal));
  }
}
