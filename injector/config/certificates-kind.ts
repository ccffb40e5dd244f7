import { X509Certificate } from "node:crypto";
import { text, type Kind } from "./kinds.ts";

/** Every pod carries them in a variable. A company's CA with its intermediates has some 10 KiB. */
const MAX_BYTES = 32 * 1024;

/** The PEM certificates of a text, without the text around them, each as OpenSSL writes it. */
export const certificates: Kind<string> = text(
  "pem",
  (raw) => {
    const blocks = raw.match(/-----BEGIN [A-Z0-9 ]+-----[^]*?-----END [A-Z0-9 ]+-----/g) ?? [];
    if (blocks.some((block) => /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(block))) {
      throw new Error("contains a private key, and every pod would carry it: remove the key");
    }
    const found = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----"));
    if (found.length === 0) throw new Error("must contain certificates in PEM form");
    const pem = found.map((block, index) => decoded(block, index + 1)).join("");
    if (pem.length > MAX_BYTES) {
      const size = Math.ceil(pem.length / 1024);
      throw new Error(`has ${size} KiB, and every pod would carry it: give only the CA of STS`);
    }
    return pem;
  },
  { pattern: "-----BEGIN CERTIFICATE-----", maxLength: 2 * MAX_BYTES },
);

function decoded(block: string, place: number): string {
  try {
    return new X509Certificate(block).toString();
  } catch {
    throw new Error(`contains a certificate that cannot be decoded, number ${place}`);
  }
}
