// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { Line, Place } from "../../collector/line.ts";

Deno.test("Line serves who came first, and lets everybody leave from anywhere, like an array", () => {
  const steps = fc.array(fc.record({ join: fc.boolean(), who: fc.nat(7) }));
  fc.assert(fc.property(steps, (steps) => {
    const places = Array.from({ length: 8 }, () => new Place());
    const line = new Line<Place>();
    const model: Place[] = [];
    for (const { join, who } of steps) {
      const place = places[who]!;
      const there = model.includes(place);
      if (join && !there) {
        line.join(place);
        model.push(place);
      } else if (!join) {
        assertEquals(line.leave(place), there);
        if (there) model.splice(model.indexOf(place), 1);
      }
      assertEquals(line.size, model.length);
      assertStrictEquals(line.first, model[0]);
      assert([...line].every((place, i) => place === model[i]));
      assertEquals([...line].length, model.length);
    }
  }));
});

Deno.test("Line lets whoever it tells of leave", () => {
  const line = new Line<Place>();
  const places = Array.from({ length: 5 }, () => new Place());
  for (const place of places) line.join(place);
  let told = 0;
  for (const place of line) {
    assertStrictEquals(place, places[told++]);
    line.leave(place);
  }
  assertEquals([told, line.size], [5, 0]);
});

Deno.test("Line.joinInOrder() stands everybody in front of those at the end who come later, behind those who come at the same time", () => {
  class Numbered extends Place {
    constructor(readonly number: number, readonly name: string) {
      super();
    }
  }
  fc.assert(fc.property(fc.array(fc.nat(9)), (numbers) => {
    const line = new Line<Numbered>();
    const places = numbers.map((number, i) => new Numbered(number, `${i}`));
    for (const place of places) line.joinInOrder(place, (a, b) => a.number > b.number);
    const sorted = places.toSorted((a, b) => a.number - b.number); // is stable
    assertEquals([...line].map(({ name }) => name), sorted.map(({ name }) => name));
    assertEquals(line.size, numbers.length);
  }));
});
