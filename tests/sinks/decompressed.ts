/**
 * What a compressed file holds, as the usual tool tells, which also tests whether it is whole.
 *
 * @param path Where it is.
 * @param suffix That of its name, if it has another one.
 */
export async function decompressed(
  path: string,
  suffix = path.slice(path.lastIndexOf(".")),
): Promise<string> {
  const tool = suffix === ".gz" ? "gzip" : "zstd";
  const file = await Deno.open(path);
  const process = new Deno.Command(tool, { args: ["-dc"], stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const fed = file.readable.pipeTo(process.stdin).catch(() => {}); // it may have seen enough
  const { success, stdout, stderr } = await process.output();
  await fed;
  if (!success) throw new Error(`${tool} cannot read ${path}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
