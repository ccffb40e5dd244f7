import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isRecord, own } from "../../../../injector/model/read.ts";
import { excuse } from "../../../support/excuse.ts";

/** For each text the JSON of its documents as kubectl reads them, null where it reads none. */
export type Upstream = (texts: readonly string[]) => Promise<readonly (readonly string[] | null)[]>;

/** Builds the program in the folder, or says what the machine lacks for it. */
export async function buildUpstream(folder: string): Promise<Upstream | string> {
  await cp(fileURLToPath(new URL("upstream", import.meta.url)), folder, { recursive: true });
  const env = { ...process.env, GOFLAGS: "-mod=readonly", CGO_ENABLED: "0" };
  try {
    await promisify(execFile)("go", ["build", "-o", "read", "."], { cwd: folder, env });
  } catch (error) {
    const code = isRecord(error) ? own(error, "code") : undefined;
    const output = isRecord(error) ? String(own(error, "stderr")) : String(error);
    const reason = excuse("go", { code: typeof code === "number" ? code : undefined, output });
    if (reason === undefined) throw error;
    return reason;
  }
  return (texts) =>
    new Promise((resolve, reject) => {
      const child = execFile(join(folder, "read"), { maxBuffer: 2 ** 28 }, (error, stdout) =>
        error === null
          ? resolve(JSON.parse(stdout) as Awaited<ReturnType<Upstream>>)
          : reject(new Error("the program failed", { cause: error })),
      );
      child.stdin?.end(JSON.stringify(texts));
    });
}
