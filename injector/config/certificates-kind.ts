import { X509Certificate } from "node:crypto";
import { text, type Kind } from "./kinds.ts";

/** They go into a variable of every pod. A company's CA with its intermediates has some 10 KiB. */
const MAX_BYTES = 32 * 1024;

/** PEM certificates and nothing else of the text that they stand in, each as OpenSSL writes it. */
export const certificates: Kind<string> = text(
  "pem",
  (raw) => {
    // Before anything is looked for: in a megabyte of beginnings without an end the search takes minutes.
    if (raw.length > 2 * MAX_BYTES) throw tooLong(raw.length);
    const blocks = raw.match(/-----BEGIN [A-Z0-9 ]+-----[^]*?-----END [A-Z0-9 ]+-----/g) ?? [];
    if (blocks.some((block) => /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(block))) {
      throw new Error("holds a private key, and what it holds goes into every pod: take the key out");
    }
    const found = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----"));
    if (found.length === 0) throw new Error("must hold certificates in PEM form");
    const pem = found.map((block, index) => decoded(block, index + 1)).join("");
    if (pem.length > MAX_BYTES) throw tooLong(pem.length);
    return pem;
  },
  { pattern: "-----BEGIN CERTIFICATE-----", maxLength: 2 * MAX_BYTES },
);

const tooLong = (length: number): Error =>
  new Error(
    `holds ${Math.ceil(length / 1024)} KiB, and every pod would carry its certificates: give the CA of STS alone`,
  );

function decoded(block: string, place: number): string {
  try {
    return new X509Certificate(block).toString();
  } catch {
    throw new Error(`holds a certificate that cannot be decoded, number ${place}`);
  }
}
