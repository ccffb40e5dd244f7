import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../injector/tls/certificates.ts";
import type { Serving } from "./injector-child.ts";

/** A serving certificate of 127.0.0.1 and its CA, as files that are removed at the end of the program. */
export async function servingFiles(): Promise<{
  readonly files: Serving;
  readonly pair: KeyPair;
  readonly folder: string;
}> {
  const now = Date.now();
  const ca = await certificateAuthority("bench", validFor(1, now));
  const pair = await servingCertificate(ca, ["127.0.0.1"], validFor(1, now));
  const folder = mkdtempSync(join(tmpdir(), "podrole-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.key, { mode: 0o600 });
  return { files: { cert, key, ca: ca.cert }, pair, folder };
}
