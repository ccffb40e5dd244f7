import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isRecord, own } from "../../injector/model/read.ts";
import { excuse } from "./excuse.ts";

/** Gives a program its standard input, and resolves to its standard output. */
export type GoProgram = (input: string) => Promise<string>;

/**
 * Builds the Go program in the folder `source`.
 * @param folder where it is built, since the source has no place for programs
 * @returns what the machine lacks for it, as a text
 */
export async function buildGo(source: URL, folder: string): Promise<GoProgram | string> {
  await cp(fileURLToPath(source), folder, { recursive: true });
  const env = { ...process.env, GOFLAGS: "-mod=readonly", CGO_ENABLED: "0" };
  try {
    await promisify(execFile)("go", ["build", "-o", "program", "."], { cwd: folder, env });
  } catch (error) {
    const code = isRecord(error) ? own(error, "code") : undefined;
    const output = isRecord(error) ? String(own(error, "stderr")) : String(error);
    const reason = excuse("go", { code: typeof code === "number" ? code : undefined, output });
    if (reason === undefined) throw error;
    return reason;
  }
  return (input) =>
    new Promise((resolve, reject) => {
      const child = execFile(join(folder, "program"), { maxBuffer: 2 ** 28 }, (error, stdout) =>
        error === null ? resolve(stdout) : reject(new Error("the program failed", { cause: error })),
      );
      child.stdin?.end(input);
    });
}
