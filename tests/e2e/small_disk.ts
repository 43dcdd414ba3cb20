// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";

/** A file system of its own, small enough to be filled. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Mounts one; says so, and gives nothing, where that is not allowed. */
  static async mount(size: string): Promise<SmallDisk | undefined> {
    const path = await Deno.makeTempDir({ prefix: "penstock-e2e-disk-" });
    const error = await run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path);
    if (error === undefined) return new SmallDisk(path);
    await Deno.remove(path);
    Deno.stdout.writeSync(new TextEncoder().encode(`NOT TESTED, no tmpfs can be mounted: ${error}\n`));
    return undefined;
  }

  /** Writes until there is no room left. */
  async fill(): Promise<void> {
    using ballast = await Deno.open(`${this.path}/ballast`, { create: true, append: true });
    const block = new Uint8Array(4096);
    try {
      for (;;) await ballast.write(block);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }

  /** Takes that away again. */
  async free(): Promise<void> {
    await Deno.remove(`${this.path}/ballast`);
  }

  /** Mounts it read-only, or for reading and writing. */
  async remount(mode: "ro" | "rw"): Promise<void> {
    assertEquals(await run("mount", "-o", `remount,${mode}`, this.path), undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", this.path);
    await Deno.remove(this.path);
  }
}

/** Runs a program; what it complains about, if it does. */
async function run(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return String(error);
  }
}
