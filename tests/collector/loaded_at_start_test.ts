// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const DAEMON = new URL("collector/daemon.ts", ROOT).href;

/** What `deno info --json` tells of a module, as far as it is looked at here. */
interface ModuleInfo {
  readonly specifier: string;
  readonly npmPackage?: string;
  readonly dependencies?: readonly {
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier: string };
  }[];
}

interface Graph {
  readonly modules: readonly ModuleInfo[];
  readonly redirects: Readonly<Record<string, string>>;
}

async function readGraph(): Promise<Graph> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", DAEMON],
    cwd: ROOT,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The modules and packages that come with a module, those left out that it imports when they are needed. */
function loadedWith(start: string, { modules, redirects }: Graph): Set<string> {
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set([start]);
  for (const specifier of loaded) { // grows while it is walked through
    for (const { isDynamic, code } of known.get(specifier)?.dependencies ?? []) {
      if (isDynamic || code === undefined) continue;
      loaded.add(redirects[code.specifier] ?? code.specifier);
    }
  }
  return loaded;
}

/** Which of some packages are among what is loaded. */
function packagesIn(loaded: ReadonlySet<string>, names: readonly string[]): string[] {
  return names.filter((name) => [...loaded].some((specifier) => specifier.startsWith(`npm:/${name}@`)));
}

Deno.test("Daemon loads with itself what every daemon needs, and not the library of OTLP", async () => {
  const graph = await readGraph();
  const loaded = loadedWith(DAEMON, graph);
  const always = ["hono", "ws", "@hono/node-server", "@opentelemetry/api"];
  assertEquals(packagesIn(loaded, always), always);
  const onDemand = ["@bufbuild/protobuf"];
  assertEquals(packagesIn(loaded, onDemand), []);
  // It is in the graph all the same, so that it is fetched before the first start, and told then if it is missing.
  assertEquals(packagesIn(new Set(graph.modules.map(({ specifier }) => specifier)), onDemand), onDemand);
});

Deno.test("Daemon needs no library for Prometheus' metrics that could be gone when the first scrape comes", async () => {
  const { modules } = await readGraph();
  const needed = new Set(modules.map(({ specifier }) => specifier));
  assertEquals(packagesIn(needed, ["@opentelemetry/exporter-prometheus", "@opentelemetry/sdk-metrics"]), []);
});
