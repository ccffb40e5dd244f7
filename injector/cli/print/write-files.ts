import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
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
  await write(files, "w");
}

/**
 * Writes them into a folder that is new or empty: a file of an earlier run could go with one of this run, and mean something else.
 * @throws CodedError `FILE_EXISTS`, `FILE_UNWRITABLE`
 */
export async function writeNewFolder(folder: string, files: readonly NewFile[]): Promise<void> {
  const present = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw unwritable(folder, error);
  });
  if (present.length > 0) {
    throw new CodedError("FILE_EXISTS", `${folder} is not empty; nothing was written.`, {
      remedy: "Give another --dir, which is new or empty.",
    });
  }
  await write(files, "wx");
}

async function write(files: readonly NewFile[], flag: "w" | "wx"): Promise<void> {
  for (const { path, text } of files) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { flag });
    } catch (error) {
      throw unwritable(path, error);
    }
  }
}

const unwritable = (path: string, cause: unknown): CodedError =>
  new CodedError("FILE_UNWRITABLE", `${path} cannot be written (${systemCode(cause) ?? "unknown error"}).`, {
    cause,
  });
