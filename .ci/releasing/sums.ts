import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAME = "SHA256SUMS";

/** Writes the checksums of the folder's files, for `sha256sum --check`. What is in its subfolders has digests of its own. */
export function writeSums(folder: string): void {
  const files = readdirSync(folder).filter((name) => name !== NAME && statSync(join(folder, name)).isFile());
  const lines = files.toSorted().map((name) => {
    const hash = createHash("sha256").update(readFileSync(join(folder, name)));
    return `${hash.digest("hex")}  ${name}\n`;
  });
  writeFileSync(join(folder, NAME), lines.join(""));
}
