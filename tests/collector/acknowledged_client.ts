import { Acknowledgements } from "../../collector/acknowledgements.ts";
import type { Refusal } from "../../collector/refusal.ts";
import type { Source } from "../../collector/source.ts";
import { turn } from "./intakes.ts";
import { admit, makeSource, type TestSourceOptions } from "./sources.ts";

/** Options of {@linkcode TestAcknowledgements}. */
export interface TestAcknowledgementsOptions extends TestSourceOptions {
  /** How many messages may be under way. @default {10} */
  readonly credit?: number;
}

/** Acknowledgements of a real source, over a way back that sends when the test says so. */
export class TestAcknowledgements {
  readonly source: Source;
  readonly acks: Acknowledgements;
  bufferedAmount = 0;
  /** Whether the system takes each refusal at once, and not when the test says so. */
  takesNacks = true;
  /** How often it was told to be drained. */
  drained = 0;
  // deno-lint-ignore no-explicit-any -- each test knows what it looks for
  #told: any[] = [];
  #sending: (() => void)[] = [];

  constructor({ credit = 10, ...options }: TestAcknowledgementsOptions = {}) {
    const source = this.source = makeSource({ policy: "drop_newest", ...options });
    const client = this as { bufferedAmount: number };
    this.acks = new Acknowledgements({
      source,
      credit,
      channel: {
        get bufferedAmount() {
          return client.bufferedAmount;
        },
        send: (text, sent) => {
          this.#told.push(JSON.parse(text));
          if (this.takesNacks && text.startsWith('{"type":"nack"')) sent();
          else this.#sending.push(sent);
        },
      },
      onDrained: () => this.drained++,
    });
  }

  /** How many messages have been told and not sent. */
  get unsent(): number {
    return this.#sending.length;
  }

  /** What was told since it was last asked. */
  // deno-lint-ignore no-explicit-any -- as above
  take(): any[] {
    return this.#told.splice(0);
  }

  /** Admits lines that came as so many messages. */
  admit(lines: string, messages = 1, received = true): void {
    if (received) { for (let i = 0; i < messages; i++) this.acks.receive(); }
    this.acks.admitted(messages, admit(this.source, ...(lines === "" ? [] : lines.split("\n"))));
  }

  /** Refuses a message. */
  refuse(refusal: Refusal): void {
    this.acks.receive();
    this.acks.refused(refusal);
  }

  /** The system takes what was told: all, or as many as are asked for. */
  async sent(count: number = this.#sending.length): Promise<void> {
    for (const sent of this.#sending.splice(0, count)) sent();
    await turn();
  }

  /** Every sink takes the oldest records. */
  deliver(records: number): void {
    this.source.take({ records, bytes: 1 << 30 });
    this.source.commit();
  }

  /** A sink does not take the oldest records. */
  lose(records: number): void {
    this.source.take({ records, bytes: 1 << 30 });
    this.source.discard();
  }
}
