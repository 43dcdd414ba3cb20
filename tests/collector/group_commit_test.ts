// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater } from "@std/assert";
import { osError } from "../sinks/faulty_file_system.ts";
import { figuresOf, type FileSinks } from "../sinks/file_sinks.ts";
import { waitFor } from "../wait_for.ts";
import { Committing } from "./committing.ts";

/** Holds up every operation of a kind until it is let go. */
function holdUp(disk: FileSinks, held: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.fileSystem.gate = (operation) => operation === held ? promise : Promise.resolve();
  return resolve;
}

Deno.test("ack synced: one sync serves every request that arrived while another one was under way", async () => {
  await using test = await Committing.create("synced");
  const go = holdUp(test.disk, "syncData");
  const first = test.send("a", "0");
  await waitFor(() => test.disk.fileSystem.count("syncData") === 1, { what: "the first sync" });
  const others = Array.from({ length: 100 }, (_, i) => test.send("a", `${i + 1}`));
  await test.untilBuffered("a", 101);
  assertEquals(test.syncs, 0);
  go();
  assertEquals(await Promise.all([first, ...others]), Array(101).fill(200));
  assertEquals(test.syncs, 2);
  assertEquals(
    (await test.disk.texts("a")).join(""),
    Array.from({ length: 101 }, (_, i) => `${i}\n`).join(""),
  );
});

Deno.test("ack synced: agents that send one request after the other share syncs", async () => {
  await using test = await Committing.create("synced");
  const AGENTS = 32, REQUESTS = 20;
  const statuses = await Promise.all(Array.from({ length: AGENTS }, async (_, agent) => {
    const statuses: number[] = [];
    for (let i = 0; i < REQUESTS; i++) statuses.push(await test.send("a", `${agent * REQUESTS + i}`));
    return statuses;
  }));
  assertEquals(statuses.flat(), Array(AGENTS * REQUESTS).fill(200));
  // At best one for each round of all agents; each for itself would be 640.
  assertGreater(test.syncs, REQUESTS - 1);
  assertGreater(AGENTS * REQUESTS / 4, test.syncs, `${test.syncs} syncs`);
});

for (const sync of ["none", "interval", "batch"] as const) {
  Deno.test(`ack synced: the answer comes after the sync, with sync: ${sync}, and a batch is synced once`, async () => {
    await using test = await Committing.create("synced", { sync, syncInterval: 1 << 30 });
    const go = holdUp(test.disk, "syncData");
    let status: number | undefined;
    const sent = test.send("a", "1").then((answer) => status = answer);
    await waitFor(() => test.disk.fileSystem.count("syncData") === 1, { what: "the sync" });
    assertEquals(status, undefined);
    go();
    await sent;
    assertEquals([status, test.syncs, test.disk.fileSystem.count("syncData")], [200, 1, 1]);
  });
}

for (const [sync, syncs] of [["none", 0], ["interval", 0], ["batch", 1]] as const) {
  Deno.test(`ack written: the answer comes after the write, with sync: ${sync} and ${syncs} syncs`, async () => {
    await using test = await Committing.create("written", { sync, syncInterval: 1 << 30 });
    const go = holdUp(test.disk, "write");
    let status: number | undefined;
    const sent = test.send("a", "1").then((answer) => status = answer);
    await waitFor(() => test.disk.fileSystem.count("write") === 1, { what: "the write" });
    assertEquals(status, undefined);
    go();
    await sent;
    assertEquals([status, test.syncs], [200, syncs]);
    assertEquals(await test.disk.texts("a"), ["1\n"]);
  });
}

Deno.test("ack synced: no answer while syncs fail, and what is answered is in a file that was synced since", async () => {
  await using test = await Committing.create("synced");
  let failures = 3;
  const failed: string[] = [];
  test.disk.fileSystem.error = () => osError("EIO");
  test.disk.fileSystem.faultOf = (operation, path) => {
    if (operation !== "syncData" || failures === 0) return undefined;
    failures--;
    failed.push(path);
    return "fail";
  };
  assertEquals(await test.send("a", "1"), 200);
  // Each retry went to another file, as the kernel would call the next sync of the same one a success.
  assertEquals(new Set(failed).size, 3);
  assertEquals(await test.disk.texts("a"), ["1\n", "1\n", "1\n", "1\n"]);
  assertEquals([test.syncs, figuresOf(test.sink)["sync_errors"]], [1, 3]);
});

Deno.test("sync batch: a batch whose sync failed is cut off before it is written again", async () => {
  await using test = await Committing.create("synced", { sync: "batch" });
  let failures = 3;
  test.disk.fileSystem.faultOf = (operation) =>
    operation === "syncData" && failures-- > 0 ? "fail" : undefined;
  assertEquals(await test.send("a", "1"), 200);
  assertEquals(await test.disk.texts("a"), ["1\n"]);
  assertEquals([test.syncs, figuresOf(test.sink)["sync_errors"]], [1, 3]);
});

Deno.test("sync interval: no acknowledgement is given where a sync on nobody's behalf has failed", async () => {
  await using test = await Committing.create("synced", { sync: "interval", syncInterval: 1, maxBytes: 2 });
  // The timer gets in while the second segment of the batch is written, and is told of the pages that the first one lost.
  let syncs = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  test.disk.fileSystem.faultOf = (operation) =>
    operation === "syncData" && ++syncs === 1 ? "torn" : undefined;
  test.disk.fileSystem.gate = (operation, path) =>
    operation === "write" && path.includes("-0001") ? promise : Promise.resolve();
  const sent = test.send("a", "1\n2");
  await waitFor(() => figuresOf(test.sink)["sync_errors"] === 1, { what: "the timer's sync to fail" });
  resolve();
  assertEquals(await sent, 200);
  await waitFor(() => figuresOf(test.sink)["full_files"] === 0, {
    what: "full segments to have their names",
  });
  assertEquals(await test.disk.texts("a"), ["1\n", "2\n", "1\n", "2\n"]);
});

for (const ack of ["written", "synced"] as const) {
  Deno.test(`a disk with an injected ENOSPC 50 times under block, ack ${ack}: nothing is lost, nothing is twice`, async () => {
    await using test = await Committing.create(ack, { maxBytes: 100 });
    const { fileSystem } = test.disk;
    fileSystem.error = () => osError("ENOSPC");
    const AGENTS = 4;
    let sent = 0;
    for (let cycle = 0; cycle < 50; cycle++) {
      // Creating a file fails as well, or has room where writing has none.
      fileSystem.faultOf = (operation) =>
        operation === "write" ? "torn" : operation === "open" && cycle % 2 === 0 ? "fail" : undefined;
      fileSystem.operations.length = 0;
      const lines = Array.from({ length: AGENTS }, () => `{"n":${sent++}}`);
      const answers = Promise.all(lines.map((line) => test.send("a", line)));
      const attempts = () => fileSystem.count("write") + fileSystem.count("open");
      await waitFor(() => attempts() >= 3, { what: `attempts of cycle ${cycle}`, interval: 1 });
      fileSystem.faultOf = () => undefined;
      assertEquals(await answers, Array(AGENTS).fill(200));
    }
    await waitFor(() => figuresOf(test.sink)["full_files"] === 0, {
      what: "full segments to have their names",
    });
    const expected = Array.from({ length: sent }, (_, n) => `{"n":${n}}\n`).join("");
    assertEquals((await test.disk.texts("a")).join(""), expected);
  });
}
