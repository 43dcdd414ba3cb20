// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { status } from "../../collector/status.ts";
import { Telemetry } from "../../collector/telemetry.ts";
import { FlushPool } from "../../sinks/pool.ts";
import type { SinkSlot } from "../../sinks/sink_sender.ts";
import { broken, busy, FakeSink } from "../sinks/fake_sink.ts";
import { Parts } from "./observed_parts.ts";
import { linesOf, parsePrometheus } from "./prometheus_text.ts";
import { admit } from "./sources.ts";

const AT_ONCE = { records: 1, bytes: 1_000, linger: 1_000 };

/** A pool with the chain `up` -> `spill` -> `last`, telemetry of it, and a source that flushes to `up`. */
function setUp() {
  const parts = new Parts();
  const telemetry = new Telemetry();
  const up = new FakeSink();
  const spill = new FakeSink();
  const retry = { initial: 1_000, max: 1_000 };
  const slots: SinkSlot[] = [
    {
      name: "up",
      sink: up,
      retry,
      deadLetter: "spill",
      timeout: 100,
      breaker: { failures: 2, pause: 5_000 },
    },
    { name: "spill", sink: spill, retry, deadLetter: "last", concurrency: 1 },
    { name: "last", sink: new FakeSink(), retry },
  ];
  const pool = new FlushPool({ permits: 4, sinks: slots, observer: telemetry.flushes });
  const { budget, websocket, registry } = parts;
  const sinks = slots.map(({ name, deadLetter }) => ({ name, type: "file", deadLetter }));
  telemetry.observe({ budget, websocket, registry, pool, sinks });
  const [app, other] = ["app", "other"].map((name) => parts.add({ name, sinks: ["up"], batch: AT_ONCE }));
  for (const source of [app!, other!]) pool.attach(source);
  const tell = () =>
    status({ state: "ready", registry, sinks, failures: telemetry.failures, pool, websocket, budget });
  const lines = (...names: string[]) => {
    const text = telemetry.prometheus();
    parsePrometheus(text);
    return names.flatMap((name) => linesOf(text, `penstock_${name}`));
  };
  return { up, spill, pool, telemetry, app: app!, other: other!, tell, lines };
}

Deno.test("Telemetry.prometheus() has a series at 0 for every sink that a source's records may come to", () => {
  const { telemetry, lines } = setUp();
  const of = (source: string, sink: string) => `{source="${source}",sink="${sink}"} 0`;
  assertEquals(lines("records_delivered_total"), [
    ...["up", "spill", "last"].map((sink) => `penstock_records_delivered_total${of("app", sink)}`),
    ...["up", "spill", "last"].map((sink) => `penstock_records_delivered_total${of("other", sink)}`),
  ]);
  assertEquals(lines("bytes_dead_lettered_total"), [
    ...["up", "spill"].map((sink) => `penstock_bytes_dead_lettered_total${of("app", sink)}`),
    ...["up", "spill"].map((sink) => `penstock_bytes_dead_lettered_total${of("other", sink)}`),
  ]);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() and status() tell who gave up and who has it", async () => {
  using time = new FakeTime();
  const { up, spill, telemetry, app, lines, tell } = setUp();
  up.writeErrors.push(broken(), broken());
  spill.writeErrors.push(undefined, broken());
  admit(app, "1");
  await time.runMicrotasks();
  admit(app, "22");
  await time.runMicrotasks();
  admit(app, "333");
  await time.runMicrotasks();
  assertEquals(lines("bytes_delivered_total", "records_dead_lettered_total").slice(0, 8), [
    'penstock_bytes_delivered_total{source="app",sink="up"} 4',
    'penstock_bytes_delivered_total{source="app",sink="spill"} 2',
    'penstock_bytes_delivered_total{source="app",sink="last"} 3',
    ...["up", "spill", "last"].map((sink) =>
      `penstock_bytes_delivered_total{source="other",sink="${sink}"} 0`
    ),
    'penstock_records_dead_lettered_total{source="app",sink="up"} 2',
    'penstock_records_dead_lettered_total{source="app",sink="spill"} 1',
  ]);
  const { sources, sinks } = tell();
  const { delivered, dropped, deliveredBySink, deadLetteredBySink } = sources["app"]!.ledger;
  assertEquals([delivered, dropped.records], [{ records: 3, bytes: 9 }, 0]);
  assertEquals(deliveredBySink, {
    up: { records: 1, bytes: 4 },
    spill: { records: 1, bytes: 2 },
    last: { records: 1, bytes: 3 },
  });
  assertEquals(deadLetteredBySink, { up: { records: 2, bytes: 5 }, spill: { records: 1, bytes: 3 } });
  assertEquals(Object.values(sinks).map(({ deadLetter }) => deadLetter), ["spill", "last", undefined]);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() and status() tell what the breaker does, and how many flushes are under way and wait", async () => {
  using time = new FakeTime();
  const { up, pool, telemetry, app, other, lines, tell } = setUp();
  const state = () =>
    lines("sink_breaker_state", "sink_breaker_opened_total").map((line) =>
      line.replace("penstock_sink_breaker_", "")
    );
  const states = (closed: number, open: number, half: number, opened: number) => [
    `state{sink="up",state="closed"} ${closed}`,
    `state{sink="up",state="open"} ${open}`,
    `state{sink="up",state="half_open"} ${half}`,
    `opened_total{sink="up"} ${opened}`,
  ];
  const flushes = () =>
    lines("sink_flushes_in_progress", "sink_flushes_waiting", "sink_flushes_overdue")
      .filter((line) => line.includes('sink="up"')).map((line) => Number(line.split(" ")[1]));
  assertEquals(state(), states(1, 0, 0, 0));
  assertEquals(tell().sinks["up"]?.breaker, { state: "closed", opened: 0 });
  assertEquals(tell().sinks["spill"]?.breaker, undefined);

  up.writeErrors.push(busy());
  admit(other, "1");
  await time.runMicrotasks();
  up.stall();
  admit(app, "1");
  await time.runMicrotasks();
  assertEquals(flushes(), [1, 0, 0]);
  await time.tickAsync(100);
  assertEquals(state(), states(0, 1, 0, 1));
  await time.tickAsync(900); // the other one wants to try again
  await time.runMicrotasks();
  assertEquals(flushes(), [1, 1, 1]);
  const { type, flushes: told, breaker, errors } = tell().sinks["up"]!;
  assertEquals([type, told, breaker, errors], [
    "file",
    { inProgress: 1, waiting: 1, overdue: 1 },
    { state: "open", opened: 1 },
    2,
  ]);
  await time.tickAsync(4_100);
  assertEquals(state(), states(0, 0, 1, 1));
  up.resume();
  await time.runMicrotasks();
  assertEquals(state(), states(1, 0, 0, 1));
  assertEquals(flushes(), [0, 0, 0]);
  assertEquals([up.lines("app"), up.lines("other")], [["1"], ["1"]]);
  await pool.drain(0);
  telemetry.shutdown();
});
