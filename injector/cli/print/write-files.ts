import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CodedError, systemCode } from "../../../sidecar/kit/errors.ts";

/** A file that a command is to write. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Writes all of them, or none where one is there with other contents.
 * @throws CodedError `FILE_EXISTS`, `FILE_UNWRITABLE`
 */
export async function writeFiles(files: readonly NewFile[], force: boolean): Promise<void> {
  const present = await Promise.all(files.map(({ path }) => readFile(path, "utf8").catch(() => undefined)));
  const changed = files.filter(({ text }, index) => present[index] !== undefined && present[index] !== text);
  const [first] = changed;
  if (first !== undefined && !force) {
    const others = changed.length === 1 ? "" : ` and ${changed.length - 1} more`;
    throw new CodedError(
      "FILE_EXISTS",
      `${first.path}${others} would get other contents; nothing was written.`,
      {
        remedy: "Give --force to replace them, or another --dir.",
      },
    );
  }
  for (const { path, text } of files) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    } catch (error) {
      throw new CodedError(
        "FILE_UNWRITABLE",
        `${path} cannot be written (${systemCode(error) ?? "unknown error"}).`,
        {
          cause: error,
        },
      );
    }
  }
}
