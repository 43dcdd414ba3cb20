// @ts-types="./types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { join, normalize } from "node:path";
import { parseConfig } from "../collector/config.ts";
import { readConfig } from "../collector/config_file.ts";
import { configSchema } from "../collector/config_schema.ts";
import { read, ROOT } from "./readme_session.ts";

/** The pages that are checked. */
function pages(): string[] {
  const docs = [...Deno.readDirSync(join(ROOT, "docs"))].map(({ name }) => `docs/${name}`);
  return ["README.md", ...docs.filter((name) => name.endsWith(".md")).sort()];
}

/** The anchors of a page's headings, as repositories on the web make them. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading.toLowerCase().replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "").replaceAll(" ", "-")
  );
}

Deno.test("README, docs: every relative link leads to a file, and to a heading where it names one", () => {
  const broken: string[] = [];
  let links = 0;
  for (const page of pages()) {
    const text = read(page).replaceAll(/^```[^]*?^```$/gm, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      links++;
      const [file, anchor] = target!.split("#") as [string, string?];
      const path = file === "" ? page : normalize(join(page, "..", file));
      try {
        Deno.statSync(join(ROOT, path));
        if (anchor !== undefined && !anchorsOf(read(path)).includes(anchor)) {
          broken.push(`${page}: ${target}`);
        }
      } catch {
        broken.push(`${page}: ${target}`);
      }
    }
  }
  assertEquals(broken, []);
  assertGreater(links, 5);
});

/** The keys that the schema knows, as paths in which NAME stands for the name of a source or a sink. */
function schemaKeys(): string[] {
  interface Part {
    readonly properties?: Record<string, Part>;
    readonly additionalProperties?: Part | boolean;
    readonly anyOf?: readonly Part[];
    readonly oneOf?: readonly Part[];
  }
  const keys = new Set<string>();
  const visit = (part: Part, path: string) => {
    const { properties, additionalProperties, anyOf = [], oneOf = [] } = part;
    for (const [key, inner] of Object.entries(properties ?? {})) {
      visit(inner, path === "" ? key : `${path}.${key}`);
    }
    if (typeof additionalProperties === "object") visit(additionalProperties, `${path}.NAME`);
    for (const inner of [...anyOf, ...oneOf]) visit(inner, path);
    const leaf = properties === undefined && typeof additionalProperties !== "object" &&
      anyOf.length + oneOf.length === 0;
    if (leaf) keys.add(path);
  };
  visit(configSchema.toJSONSchema({ unrepresentable: "any", io: "input" }) as Part, "");
  return [...keys].sort();
}

/** The keys in the first column of the tables of docs/config.md, under the heading that each table belongs to. */
function documentedKeys(): string[] {
  const keys = new Set<string>();
  for (const section of read("docs/config.md").split(/^## /m).slice(1)) {
    const heading = /^`(\w+)`/.exec(section)?.[1];
    if (heading === undefined) continue;
    const prefix = heading === "sources" || heading === "sinks" ? `${heading}.NAME` : heading;
    for (const [, key] of section.matchAll(/^\| `([\w.]+)` /gm)) keys.add(`${prefix}.${key}`);
  }
  return [...keys].sort();
}

Deno.test("docs/config.md has every key of the schema and no other", () => {
  assertEquals(documentedKeys(), schemaKeys());
});

Deno.test("README names no config key that the schema does not have", () => {
  const known = schemaKeys();
  const named = [...read("README.md").matchAll(/`((?:listen|limits|sources|sinks|pool|shutdown)\.[\w.]+)`/g)];
  assertGreater(named.length, 5);
  const unknown = named.map(([, key]) => key!).filter((key) =>
    !key.endsWith(".ts") && !known.some((other) => other === key || other.startsWith(`${key}.`))
  );
  assertEquals(unknown, []);
});

Deno.test("docs/examples: every config is valid", async () => {
  for await (const { name } of Deno.readDir(join(ROOT, "docs/examples"))) {
    if (!name.endsWith(".json")) continue;
    const result = await readConfig(join(ROOT, "docs/examples", name));
    assert(result.ok, JSON.stringify(result));
  }
  assert(!parseConfig({}).ok); // it does check
});
