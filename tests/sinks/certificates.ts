/** Files of a certificate authority of the test's own, and a certificate of it for 127.0.0.1 and localhost. */
export interface Certificates extends AsyncDisposable {
  /** Path of the authority's certificate. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes certificates that hold for two days.
 *
 * @returns The certificates, to be declared with `await using`; nothing where `openssl` is not installed.
 */
export async function makeCertificates(): Promise<Certificates | undefined> {
  const directory = await Deno.makeTempDir({ prefix: "penstock-tls-" });
  const remove = () => Deno.remove(directory, { recursive: true });
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await new Deno.Command("openssl", {
      args,
      cwd: directory,
      stdout: "null",
      stderr: "piped",
    })
      .output();
    if (code !== 0) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  };
  try {
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await Deno.writeTextFile(
      `${directory}/ext`,
      "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n",
    );
    await openssl(
      "req",
      "-x509",
      ...ec,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "2",
      "-subj",
      "/CN=Test CA",
    );
    await openssl("req", ...ec, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost");
    const sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"];
    await openssl("x509", "-req", "-in", "csr.pem", ...sign, "-out", "cert.pem");
    const [cert, key] = await Promise.all(
      ["cert.pem", "key.pem"].map((name) => Deno.readTextFile(`${directory}/${name}`)),
    );
    return { ca: `${directory}/ca.pem`, cert: cert!, key: key!, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Says in the output of a test why it asserts nothing. */
export function tellMissing(): void {
  Deno.stdout.writeSync(new TextEncoder().encode("openssl is not installed: https was not tested\n"));
}
