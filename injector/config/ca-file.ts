import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { CodedError, systemCode } from "../../sidecar/kit/errors.ts";

/** They go into a variable of every pod. A company's CA with its intermediates has some 10 KiB. */
const MAX_BYTES = 32 * 1024;

/**
 * The certificates of a PEM file and nothing else of it, for `--sts-ca-file`. Read by the programs that write pods, not
 * where options are parsed: `podrole explain` is given options of a machine that is not its own.
 * @throws CodedError `CONFIG_INVALID`
 */
export function readCaFile(path: string): string {
  const text = read(path);
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----[^]*?-----END [A-Z0-9 ]+-----/g) ?? [];
  if (blocks.some((block) => /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(block))) {
    throw invalid(path, "holds a private key, and what it holds goes into every pod", "Take the key out.");
  }
  const certificates = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----"));
  if (certificates.length === 0) {
    throw invalid(path, "holds no certificate in PEM form", "Convert it: openssl x509 -inform der -in FILE.");
  }
  const pem = certificates.map((block, index) => canonical(path, block, index + 1)).join("");
  if (pem.length > MAX_BYTES) {
    const what = `holds ${Math.ceil(pem.length / 1024)} KiB of certificates, and every pod would carry them`;
    throw invalid(path, what, "Name the CA of the STS endpoint alone: the public ones are trusted anyway.");
  }
  return pem;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(path, `cannot be read (${systemCode(error) ?? "unknown error"})`, "Mount it there.");
  }
}

function canonical(path: string, block: string, place: number): string {
  try {
    return new X509Certificate(block).toString();
  } catch {
    throw invalid(path, `holds a certificate that cannot be decoded, number ${place}`, "Export it again.");
  }
}

const invalid = (path: string, what: string, remedy: string): CodedError =>
  new CodedError("CONFIG_INVALID", `--sts-ca-file: ${path} ${what}.`, { remedy });
