/**
 * A slow consumer slows down everybody before it. First within one process: producer, transformer and consumer with two
 * bounded buffers. Then the real thing: an agent on a socket, the daemon, and a standard output that nobody reads.
 *
 * Usage: `deno task demo:chain [--quick] [--plots DIRECTORY]`
 */
import { plotStages, plotWire } from "./chain_plots.ts";
import { type Outcome, runFromCommandLine } from "./demonstration.ts";
import type { Screen } from "./screen.ts";
import { runStages, type StagesOptions, type StagesResult } from "./staged_chain.ts";
import { grouped, tableLines } from "./table.ts";
import { runWire, type WireOptions, type WireResult } from "./wire_chain.ts";

const MIB = 2 ** 20;
const STAGES: StagesOptions = { produced: 500, slow: 50, capacity: 200, phases: [2500, 5000, 2500] };
const WIRE: WireOptions = { sent: 4 * MIB, capacity: MIB, phases: [2000, 5000, 3000] };

/**
 * Says what was not as claimed of the stages within one process.
 *
 * @param result What came of them.
 * @param options What they were told.
 * @returns A sentence for each claim that does not hold.
 */
export function brokenStages(result: StagesResult, { capacity }: StagesOptions): string[] {
  const { produced, consumed, inOrder, mostAhead, beforeFirstWait, consumedMeanwhile } = result;
  const broken: string[] = [];
  if (consumed !== produced || !inOrder) {
    broken.push(`of ${produced} records ${consumed} were consumed, in order: ${inOrder}`);
  }
  if (mostAhead > 2 * capacity) {
    broken.push(`the producer was ${mostAhead} records ahead, more than two buffers of ${capacity} hold`);
  }
  if (!(beforeFirstWait - consumedMeanwhile <= 2 * capacity)) {
    broken.push(
      `the producer had to wait only after ${beforeFirstWait} records, ${consumedMeanwhile} consumed`,
    );
  }
  return broken;
}

/**
 * Says what was not as claimed of the agent, the daemon and the sink.
 *
 * @param result What came of them.
 * @param options What they were told.
 * @returns A sentence for each claim that does not hold.
 */
export function brokenWire(result: WireResult, { capacity }: WireOptions): string[] {
  const { sent, received, inOrder, status, answer, ledger, exitCode, mostBuffered } = result;
  const broken: string[] = [];
  if (received !== sent || !inOrder) {
    broken.push(`of ${sent} records ${received} came out at the other end, in order: ${inOrder}`);
  }
  if (status !== 202 || answer.accepted !== sent || answer.dropped !== 0 || answer.evicted !== 0) {
    broken.push(`${sent} records were answered ${status} ${JSON.stringify(answer)}`);
  }
  if (exitCode !== 0 || ledger?.received.records !== sent || ledger?.delivered.records !== sent) {
    broken.push(`the daemon ended with ${exitCode} and the ledger ${JSON.stringify(ledger)}`);
  }
  if (mostBuffered > capacity) broken.push(`the buffer of ${capacity} bytes held ${mostBuffered}`);
  return broken;
}

async function demonstrate(screen: Screen, quick: boolean): Promise<Outcome> {
  const stagesOptions = quick ? { ...STAGES, phases: [1000, 2500, 1000] as const } : STAGES;
  const wireOptions = quick ? { ...WIRE, phases: [500, 1500, 1000] as const } : WIRE;
  screen.print("Within one process: producer -> 200 records -> transformer -> 200 records -> consumer");
  const stages = await runStages(
    stagesOptions,
    ({ at, produced, transformed, consumed, held }) =>
      screen.show(() => [
        `${at.toFixed(1).padStart(5)} s  produced ${grouped(produced).padStart(6)}  in the first buffer ${
          String(held[0]).padStart(3)
        }  transformed ${grouped(transformed).padStart(6)}  in the second ${
          String(held[1]).padStart(3)
        }  consumed ${grouped(consumed).padStart(6)}`,
      ]),
  );
  screen.print("\nOver sockets: agent -> daemon, block, 1 MiB -> standard output -> reader");
  const wire = await runWire(wireOptions, ({ at, written, read, buffered }) =>
    screen.show(() => [
      `${at.toFixed(1).padStart(5)} s  written ${grouped(written / 1024).padStart(7)} KiB  in flight ${
        grouped((written - read) / 1024).padStart(6)
      } KiB, of these in the daemon's buffer ${grouped(buffered / 1024).padStart(5)} KiB  read ${
        grouped(read / 1024).padStart(7)
      } KiB`,
    ]));
  const most = Math.max(...wire.samples.map(({ written, read }) => written - read));
  return {
    table: [
      ...tableLines(
        ["within one process", "produced", "consumed", "most ahead", "sum of capacities", "producer waited"],
        [[
          `consumer slow for ${(stages.slowTo - stages.slowFrom).toFixed(1)} s`,
          stages.produced,
          stages.consumed,
          stages.mostAhead,
          2 * stagesOptions.capacity,
          `${stages.waited.toFixed(1)} s`,
        ]],
      ),
      "",
      ...tableLines(
        [
          "over sockets",
          "sent",
          "came out",
          "dropped",
          "most in flight",
          "most in the buffer",
          "write blocked",
        ],
        [[
          `nobody read for ${(wire.stalledTo - wire.stalledFrom).toFixed(1)} s`,
          wire.sent,
          wire.received,
          wire.ledger?.dropped.records ?? NaN,
          `${grouped(most / 1024)} KiB`,
          `${grouped(wire.mostBuffered / 1024)} KiB`,
          `${wire.blocked.toFixed(1)} s`,
        ]],
      ),
    ],
    plots: { "chain.svg": plotStages(stages, stagesOptions), "chain-tcp.svg": plotWire(wire, wireOptions) },
    broken: [...brokenStages(stages, stagesOptions), ...brokenWire(wire, wireOptions)],
  };
}

if (import.meta.main) {
  await runFromCommandLine({
    about: "What a consumer that is slow for a while does to everybody before it.",
    run: demonstrate,
  });
}
