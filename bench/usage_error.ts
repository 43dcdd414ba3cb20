/** A mistake of whoever started a benchmark: the message says all that there is to say. */
export class UsageError extends TypeError {
  override readonly name = "UsageError";
}
