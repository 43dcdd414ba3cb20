/** What an OTLP request carries. */
export type Signal = "logs" | "metrics" | "traces";

/** Every signal that is received. */
export const SIGNALS: readonly Signal[] = ["logs", "metrics", "traces"];
