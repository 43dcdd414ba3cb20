// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { MessageQueue, type WaitingMessage } from "../../collector/message_queue.ts";

const LINE_FEED = 0x0a;

interface Added {
  readonly data: Uint8Array;
  readonly isBinary: boolean;
}

const message: fc.Arbitrary<Added> = fc.record({
  data: fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 12 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(510, 511, 512, 513).map((length) => new Uint8Array(length).fill(7)),
    },
  ),
  isBinary: fc.boolean(),
});

type Step = { readonly add: Added } | { readonly addAll: readonly Added[] } | { readonly take: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: message }) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.array(message, { minLength: 1, maxLength: 600 }), fc.boolean()).map((
      [all, isBinary],
    ) => ({
      addAll: all.map(({ data }) => asWaiting({ data, isBinary })),
    })),
  },
  { weight: 2, arbitrary: fc.record({ take: fc.nat(700) }) },
);

/** A text with the line feed that it ends with while it waits. */
function asWaiting({ data, isBinary }: Added): Added {
  const ends = data.length > 0 && data.at(-1) === LINE_FEED;
  return { data: isBinary || ends ? data : Uint8Array.of(...data, LINE_FEED), isBinary };
}

function endsOf(messages: readonly Added[]): Uint32Array {
  let end = 0;
  return Uint32Array.from(messages, ({ data }) => end += data.length);
}

Deno.test("MessageQueue.take() takes out what was added, in order, and what was taken out stays as it is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new MessageQueue();
      const expected: Added[] = [];
      const taken: WaitingMessage[] = [];
      const add = (added: Added) => {
        const isSmall = added.data.length < 512;
        const waiting = isSmall ? asWaiting(added) : added;
        const copy = added.data.slice();
        assertEquals(
          queue.add(new Uint8Array([...copy, 0]).subarray(0, -1), added.isBinary),
          waiting.data.length,
        );
        expected.push(waiting);
      };
      for (const step of steps) {
        if ("add" in step) add(step.add);
        else if ("addAll" in step) {
          const data = Uint8Array.from(step.addAll.flatMap(({ data }) => [...data]));
          queue.addAll(data, endsOf(step.addAll), step.addAll[0]!.isBinary);
          data.fill(0xee); // it was copied
          expected.push(...step.addAll);
        } else {
          for (let i = 0; i < step.take; i++) {
            const message = queue.take();
            if (message === undefined) break;
            taken.push(message);
          }
        }
      }
      for (let message = queue.take(); message !== undefined; message = queue.take()) taken.push(message);
      const plain = (messages: readonly Added[]) =>
        messages.map(({ data, isBinary }) => `${isBinary} ${data.toHex()}`);
      assertEquals(plain(taken), plain(expected));
    }),
    { numRuns: 150 },
  );
});

Deno.test("MessageQueue.add() puts small messages of both kinds together, and copies no large one that has its memory to itself", () => {
  const queue = new MessageQueue();
  for (let i = 0; i < 9000; i++) queue.add(Uint8Array.of(i & 0xff), i % 2 === 0);
  const large = new Uint8Array(100_000);
  queue.add(large, true);
  const memory = new Set<ArrayBufferLike>();
  for (let i = 0; i < 9000; i++) memory.add(queue.take()!.data.buffer);
  assertEquals(memory.size, Math.ceil(9000 / 512));
  assertStrictEquals(queue.take()!.data.buffer, large.buffer);
  assertEquals(queue.take(), undefined);
});
