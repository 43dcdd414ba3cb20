// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, post } from "./numbered_records.ts";

Deno.test("a second daemon on the same directory ends with 2 and names it; killed, the first one leaves it to the next", async () => {
  await using first = await DaemonProcess.start({
    config: {
      sources: { s: { ack: "written" } },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  const directory = `${first.directory}/data`;
  const config = { sources: { s: { ack: "written" } }, sinks: { disk: { type: "file", directory } } };
  assertEquals((await post(first, "s", numbered(0, 10))).status, 200);
  await assertRejects(
    () => DaemonProcess.start({ config }),
    Error,
    `Cannot use directory '${directory}': another process holds '${directory}/.lock'`,
  );
  // The first one was not disturbed.
  assertEquals((await post(first, "s", numbered(10, 20))).status, 200);
  first.kill("SIGKILL");
  await first.status;
  await using second = await DaemonProcess.start({ config });
  assertEquals((await post(second, "s", numbered(20, 30))).status, 200);
  assertEquals((await second.stop()).code, 0);
  assertNumbers(numbersIn(await first.recordsOf("s")), [0, 30]);
});
