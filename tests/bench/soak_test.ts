// @ts-types="../types/deno_std_assert.d.ts"
import { assertAlmostEquals, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import { judgeSoak } from "../../bench/report/soak.ts";
import { CALM, type RecordedSoak, RESTLESS } from "./recorded_soaks.ts";

const MB = 1e6;
/** The part of a soak in which all is still cold. */
const COLD = 1 / 5;

/** Puts a leak of so many bytes for each record into a soak. */
function leaking({ resident, records, seconds }: RecordedSoak, bytes: number): RecordedSoak {
  const leaked = bytes * records / resident.length;
  return { resident: resident.map((value, n) => value + leaked * n), records, seconds };
}

/**
 * What the same memory could have looked like: what comes after the first fifth, from every fourth of its samples on and then around.
 * In such a circle nothing grows, but each rise and fall is once early and once late.
 */
function turns({ resident, records, seconds }: RecordedSoak): RecordedSoak[] {
  const from = Math.floor(resident.length * COLD);
  const [cold, warm] = [resident.slice(0, from), resident.slice(from)];
  const starts = Array.from({ length: Math.floor(warm.length / 4) }, (_, n) => 4 * n);
  return starts.map((start) => ({
    resident: [...cold, ...warm.slice(start), ...warm.slice(0, start)],
    records,
    seconds,
  }));
}

/** How many of them miss. */
function missed(soaks: readonly RecordedSoak[]): number {
  return soaks.filter((soak) => !judgeSoak(soak).isMet).length;
}

/** Bytes for each record that are so many a minute. */
function perMinute(bytes: number, { records, seconds }: RecordedSoak): number {
  return bytes / 60 * seconds / records;
}

Deno.test("judgeSoak() takes what recorded memory does by itself for steady, whatever comes first", () => {
  for (const soak of [CALM, RESTLESS]) assertEquals(missed(turns(soak)), 0);
});

Deno.test("judgeSoak() catches a leak of one byte in fifty records in recorded memory, whatever comes first", () => {
  for (const soak of [CALM, RESTLESS]) {
    const soaks = turns(soak).map((turn) => leaking(turn, 1 / 50));
    assertEquals(missed(soaks), soaks.length);
  }
});

Deno.test("judgeSoak() catches a leak of 1 MB a minute in a calm soak, and one of 2 MB a minute whatever comes first", () => {
  assertEquals(judgeSoak(leaking(CALM, perMinute(1 * MB, CALM))).isMet, false);
  const soaks = turns(CALM).map((turn) => leaking(turn, perMinute(2 * MB, CALM)));
  assertEquals(missed(soaks), soaks.length);
});

Deno.test("judgeSoak() says what leak shows for certain: one that brings about twice the tolerance", () => {
  for (const soak of [CALM, RESTLESS]) {
    const { certain, tolerance } = judgeSoak(soak);
    const flat = { ...soak, resident: soak.resident.map(() => 100 * MB) };
    const { early, late } = judgeSoak(leaking(flat, certain));
    assertAlmostEquals(late - early, 2 * tolerance, tolerance / 20);
    assertLess(certain, 1 / 49);
    const soaks = turns(soak).map((turn) => leaking(turn, judgeSoak(turn).certain));
    assertEquals(missed(soaks), soaks.length);
  }
});

Deno.test("judgeSoak() leaves the tolerance and what memory does by itself as they are where there is a leak", () => {
  const steady = judgeSoak(RESTLESS);
  const creeping = judgeSoak(leaking(RESTLESS, 1 / 50));
  assertAlmostEquals(creeping.tolerance, steady.tolerance, 1);
  const leaked = RESTLESS.records / 50 / RESTLESS.resident.length;
  assertAlmostEquals(creeping.trend - steady.trend, leaked, 1);
});

Deno.test("judgeSoak() allows less than half of what a leak of one byte in fifty records brings about, however restless memory is", () => {
  const resident = Array.from({ length: 300 }, (_, n) => 100 * MB + 50 * MB * Math.sin(n));
  const { tolerance, isMet } = judgeSoak({ resident, records: 800e6 });
  assertAlmostEquals(tolerance, 0.4 * 800e6 / 50 / 2, 1);
  assertEquals(isMet, true);
});

Deno.test("judgeSoak() misses memory that rises late and stays there, and not what comes down again", () => {
  const late = (until: number) => ({
    resident: Array.from({ length: 300 }, (_, n) => (n >= 230 && n < until ? 110 : 100) * MB),
    records: 800e6,
  });
  assertEquals(judgeSoak(late(300)).isMet, false);
  assertEquals(judgeSoak(late(280)).isMet, true);
});

Deno.test("judgeSoak() leaves out what comes before the first fifth, when all is still cold", () => {
  const resident = Array.from({ length: 100 }, (_, n) => (n < 20 ? 50 : 100) * MB);
  assertEquals(judgeSoak({ resident, records: 1e6 }).isMet, true);
});

Deno.test("judgeSoak() tells of a short soak that no small leak would show in it", () => {
  const resident = Array.from({ length: 20 }, () => 100 * MB);
  assertGreater(judgeSoak({ resident, records: 40e6 }).certain, 1 / 10);
  assertThrows(() => judgeSoak({ resident: resident.slice(11), records: 1 }), RangeError, "by 9 samples");
});
