// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Patience } from "../../sinks/patience.ts";
import { type Sending, Turn } from "../../sinks/turn.ts";
import { watchDefects } from "./watch_defects.ts";

Deno.test("Turn.ask() tells of a defect at the gate, and does not have the source wait for ever", async () => {
  using defects = watchDefects();
  const begun: (Sending | undefined)[] = [];
  const turn = new Turn({
    gate: {
      permitWaiter: () => undefined,
      tryEnter: () => undefined,
      enter: () => Promise.reject(new TypeError("a defect")),
      wait: () => {},
      leave: () => false,
    },
    patience: () => new Patience({ maxElapsed: Infinity }),
    signal: new AbortController().signal,
    onEntered: () => {},
    begin: (sending) => begun.push(sending),
  });
  for (let times = 1; times <= 2; times++) {
    turn.ask();
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals([begun.length, begun.at(-1), defects.told.length], [times, undefined, times]);
  }
});
