/** Tells an operator something: a message, and what it is about. */
export type Tell = (
  level: "info" | "warn",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
