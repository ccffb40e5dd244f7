import { readFile } from "node:fs/promises";
import { coded, CodedError, oneLine, systemCode } from "../../sidecar/kit/errors.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { certificatesIn } from "./pem.ts";

/** How often the file is read again. Contents are compared, as for the serving certificate: see files.ts. */
const INTERVAL_MS = 10_000;

/**
 * The certificates of the CAs whose clients may send reviews, as PEM.
 * @throws CodedError `CLIENT_CA_INVALID`
 */
export async function readClientCa(path: string): Promise<string> {
  const invalid = (fault: string, cause?: unknown): CodedError =>
    new CodedError("CLIENT_CA_INVALID", `${path} ${fault}.`, {
      remedy: "Give the CA's certificate as PEM, or correct --client-ca.",
      cause,
    });
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw invalid(`cannot be read (${systemCode(error) ?? "unknown error"})`, error);
  });
  const certificates = certificatesIn(text);
  if (certificates.length === 0) throw invalid("contains no certificate in PEM form");
  return certificates.join("\n");
}

export interface ClientCaDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes other certificates into service. */
  readonly apply: (clientCa: string) => void;
}

/** Reads the file at every interval, until the signal. The last valid content stays in use. Never rejects. */
export async function followClientCa(
  first: string,
  { path, clock, log, apply }: ClientCaDeps,
  signal: AbortSignal,
): Promise<void> {
  let [current, why] = [first, ""];
  for (;;) {
    await clock.sleep(INTERVAL_MS, signal);
    if (signal.aborted) return;
    try {
      const next = await readClientCa(path);
      if (next !== current) {
        apply(next);
        current = next;
        log.info({ certificates: certificatesIn(next).length }, "client CA in use");
      }
      why = "";
    } catch (error) {
      const before = why;
      why = oneLine(coded(error, "CLIENT_CA_INVALID"));
      if (why !== before) log.error({ why }, "client CA cannot be read");
    }
  }
}
