/** A compressed file that breaks off, or is not what its name says. */
export class BrokenStream extends SyntaxError {
  /** @param message What is wrong with it. */
  constructor(message: string) {
    super(message);
    this.name = "BrokenStream";
  }
}
