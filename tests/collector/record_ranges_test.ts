// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { lostRecords, rangesWithin, type RecordRange, selectRecords } from "../../collector/record_ranges.ts";
import { jsonBatch } from "../sinks/batches.ts";

/** The ranges of those that are true. */
function rangesOf(chosen: readonly boolean[]): RecordRange[] {
  return chosen.flatMap((is, i) => is ? [{ from: i, to: i + 1 }] : []);
}

const CHOICE = fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 9 })), {
  minLength: 1,
});

Deno.test("selectRecords() copies just the records of the ranges, with all that is known of them", () => {
  fc.assert(fc.property(CHOICE, (choice) => {
    const lines = choice.map(([, , weight], i) => `${i}`.padEnd(weight + 3, "0"));
    let all = 0;
    const batch = {
      ...jsonBatch(lines),
      weightEnds: Uint32Array.from(choice, ([, , weight]) => all += weight),
    };
    batch.admittedAt.set(choice.map((_, i) => i));
    const selected = selectRecords(batch, rangesOf(choice.map(([is]) => is)));
    const indexes = choice.flatMap(([is], i) => is ? [i] : []);
    const expected = jsonBatch(indexes.map((i) => lines[i]!));
    let weight = 0;
    assertEquals(selected, {
      ...expected,
      admittedAt: Float64Array.from(indexes),
      weightEnds: Uint32Array.from(indexes, (i) => weight += choice[i]![2]),
    });
  }));
});

Deno.test("rangesWithin() finds the records of a selection of a selection", () => {
  fc.assert(fc.property(CHOICE, (choice) => {
    const outer = rangesOf(choice.map(([is]) => is));
    const inner = rangesOf(choice.flatMap(([is, again]) => is ? [again] : []));
    const found = rangesWithin(outer, inner).flatMap(({ from, to }) =>
      Array.from({ length: to - from }, (_, i) => from + i)
    );
    assertEquals(found, choice.flatMap(([is, again], i) => is && again ? [i] : []));
  }));
  assertEquals(rangesWithin([{ from: 2, to: 5 }, { from: 7, to: 9 }], [{ from: 1, to: 4 }]), [
    { from: 3, to: 5 },
    { from: 7, to: 8 },
  ]);
});

Deno.test("lostRecords() counts every record once that is in any of the ranges, by weight", () => {
  const batch = { ...jsonBatch(["a", "bb", "ccc", "dddd"]), weightEnds: Uint32Array.of(1, 4, 5, 12) };
  assertEquals(lostRecords(batch, [[{ from: 1, to: 3 }], [{ from: 0, to: 1 }, { from: 2, to: 4 }], []]), {
    amount: { records: 12, bytes: 14 },
    places: [{ from: 0, to: 1 }, { from: 1, to: 5 }, { from: 5, to: 12 }],
  });
  assertEquals(lostRecords(batch, [[{ from: 3, to: 4 }]]), {
    amount: { records: 7, bytes: 5 },
    places: [{ from: 5, to: 12 }],
  });
  assertEquals(lostRecords(batch, []), { amount: { records: 0, bytes: 0 }, places: [] });
});
