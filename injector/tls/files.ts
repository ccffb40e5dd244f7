import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { coded, CodedError, oneLine, systemCode } from "../../sidecar/kit/errors.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { KeyPair } from "./certificates.ts";
import type { Trouble } from "../model/trouble.ts";
import type { Served } from "./served.ts";
import { certificateOf, isPair } from "./pem.ts";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface FilesDeps {
  readonly files: TlsFiles;
  readonly served: Served;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
  readonly reloaded?: () => void;
  /** Called after each check: why the files cannot be served, or undefined. */
  readonly trouble?: (trouble: Trouble | undefined) => void;
}

/** The text of a file. @throws Error with a system's code */
type ReadText = (path: string) => Promise<string>;
const readText: ReadText = (path) => readFile(path, "utf8");

/**
 * Reads both files and checks that they are a pair. One after the other, so that the error always names the same file if
 * neither can be read.
 * @throws CodedError `TLS_FILE_UNREADABLE` or `TLS_FILE_INVALID`; it never quotes the files
 */
export async function readPair({ cert, key }: TlsFiles, read: ReadText = readText): Promise<KeyPair> {
  const certText = await readPem(cert, read);
  const keyText = await readPem(key, read);
  const pair = { cert: certText, key: keyText };
  if (isPair(pair)) return pair;
  const fault =
    certificateOf(certText) === undefined
      ? `${cert} contains no certificate in PEM form`
      : isKey(keyText)
        ? `${key} is not the key of the certificate in ${cert}`
        : `${key} contains no private key in PEM form`;
  throw new CodedError("TLS_FILE_INVALID", `${fault}.`, {
    remedy: "Give a certificate and its own private key, neither encrypted.",
  });
}

/**
 * Reads the files at every interval and serves a changed pair, until the signal. Compares contents instead of watching the
 * file system: a Secret's volume is a link to a folder that is replaced, and not every file system reports that. A pair
 * that is only half written waits for the next interval. Never rejects.
 */
export async function followFiles(deps: FilesDeps, signal: AbortSignal): Promise<void> {
  const { files, served, clock, log, intervalMs, reloaded, trouble } = deps;
  let why = "";
  while (!signal.aborted) {
    const before = why;
    const error = await look(served, files, reloaded, log);
    why = error === undefined ? "" : oneLine(error);
    trouble?.(error && { code: error.code, message: why });
    if (why !== "" && why !== before) log.error({ why }, "certificate files cannot be read");
    await clock.sleep(intervalMs, signal);
  }
}

async function look(
  served: Served,
  files: TlsFiles,
  reloaded: FilesDeps["reloaded"],
  log: Log,
): Promise<CodedError | undefined> {
  try {
    if (served.use(await readPair(files))) {
      reloaded?.();
      log.info({ notAfter: new Date(served.notAfter() ?? 0).toISOString() }, "certificate in use");
    }
    return undefined;
  } catch (error) {
    return coded(error, "TLS_FILE_INVALID");
  }
}

async function readPem(path: string, read: ReadText): Promise<string> {
  try {
    return await read(path);
  } catch (error) {
    const why = systemCode(error) ?? "unknown error";
    throw new CodedError("TLS_FILE_UNREADABLE", `${path} cannot be read (${why}).`, {
      remedy: "Mount the Secret with the serving certificate, or correct --tls-cert and --tls-key.",
      cause: error,
    });
  }
}

function isKey(text: string): boolean {
  try {
    createPrivateKey(text);
    return true;
  } catch {
    return false;
  }
}
