import { writeFile } from "node:fs/promises";
import { CodedError, systemCode } from "../../../../sidecar/kit/errors.ts";
import type { Report } from "../report.ts";
import { pageAssets } from "./assets.ts";
import { pageHtml } from "./page.ts";

/** @throws CodedError `FILE_EXISTS`, `FILE_UNWRITABLE` */
export async function writePage(file: string, report: Report, isForced: boolean): Promise<void> {
  const page = pageHtml(report, await pageAssets());
  try {
    // For its owner alone: it says which workload is worth an attack.
    await writeFile(file, page, { flag: isForced ? "w" : "wx", mode: 0o600 });
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST")
      throw new CodedError("FILE_EXISTS", `${file} is there already.`, {
        remedy: "Give --force to replace it, or another name.",
        cause: error,
      });
    throw new CodedError("FILE_UNWRITABLE", `${file} cannot be written (${code ?? "unknown error"}).`, {
      remedy: "Give a file in a folder that you may write to.",
      cause: error,
    });
  }
}
