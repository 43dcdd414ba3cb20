import fc from "fast-check";
import type { SyncMode } from "../../sinks/file_options.ts";
import type { Fault } from "./faulty_file_system.ts";
import { FORMATS } from "./identified_records.ts";

const ERRNOS = ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE"];

const place = { source: fc.nat(1), format: fc.constantFrom(...FORMATS) };
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("write" as const),
      ...place,
      sizes: fc.array(fc.nat(60), { minLength: 1, maxLength: 6, size: "max" }),
      synced: fc.boolean(),
      attempts: fc.constantFrom(1, 3, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("age" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("interfere" as const),
      ...place,
      how: fc.constantFrom("remove", "truncate", "extend", "replace", "move", "remove directory"),
      where: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      how: fc.constantFrom("close", "kill", "power"),
      luck: fc.constantFrom(0, 0.5, 1),
    }),
  },
);

/** What happens to a file sink, and what fails meanwhile. */
export const scenario = fc.record({
  maxBytes: fc.integer({ min: 1, max: 400 }),
  maxOpenFiles: fc.integer({ min: 1, max: 4 }),
  sync: fc.constantFrom<SyncMode>("none", "batch"),
  /** For how many turns of the event loop each sync and rename stands still, while others go on. */
  slowness: fc.constantFrom(0, 0, 20),
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: "max" }),
  faults: fc.array(
    fc.option(
      fc.record({
        fault: fc.constantFrom<Fault>("fail", "torn", "short"),
        errno: fc.constantFrom(...ERRNOS),
      }),
      { freq: 3, nil: undefined },
    ),
    { maxLength: 200, size: "max" },
  ),
});

/** One of them. */
export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
