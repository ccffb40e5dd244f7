import { randomBytes } from "node:crypto";
import { lstat, rename, rm, writeFile } from "node:fs/promises";
import { CodedError, systemCode } from "../../../../sidecar/kit/errors.ts";
import type { Report } from "../report.ts";
import { pageAssets } from "./assets.ts";
import { pageHtml } from "./page.ts";

/** @throws CodedError `FILE_EXISTS`, `FILE_UNWRITABLE` */
export async function writePage(file: string, report: Report, isForced: boolean): Promise<void> {
  const page = pageHtml(report, await pageAssets());
  try {
    await (isForced ? replace(file, page) : create(file, page));
  } catch (error) {
    if (systemCode(error) === "EEXIST")
      throw new CodedError("FILE_EXISTS", `${file} is there already.`, {
        remedy: "Give --force to replace it, or another name.",
        cause: error,
      });
    const why = error instanceof NoFile ? "it is a folder, a link or a device" : systemCode(error);
    throw new CodedError("FILE_UNWRITABLE", `${file} cannot be written (${why ?? "unknown error"}).`, {
      remedy: "Give a file in a folder that you may write to.",
      cause: error,
    });
  }
}

/** For its owner alone: it says which workload is worth an attack. */
const create = (file: string, page: string): Promise<void> =>
  writeFile(file, page, { flag: "wx", mode: 0o600 });

class NoFile extends Error {}

/** By a new file: whoever may read the old one, or has it open, does not read this one, and no link is followed. */
async function replace(file: string, page: string): Promise<void> {
  const old = await lstat(file).catch(() => undefined);
  if (old?.isFile() === false) throw new NoFile();
  const beside = `${file}.${randomBytes(8).toString("hex")}`;
  try {
    await create(beside, page);
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
