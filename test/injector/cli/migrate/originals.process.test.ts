import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { KIAM_CASES, KUBE2IAM_CASES } from "./rule-cases.ts";

/** A folder with checkouts of kube2iam and of kiam, by these names. Both are large, so nobody builds them without being asked to. */
const { PODROLE_ORIGINALS: checkouts } = process.env;

/** What the original answers to each question, by a program that is built within its own module. */
async function answersOf(
  original: "kube2iam" | "kiam",
  questions: readonly object[],
): Promise<readonly unknown[]> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-original-"));
  try {
    const module = join(folder, original);
    await cp(join(checkouts ?? "", original), module, { recursive: true });
    const main = fileURLToPath(new URL(`originals/${original}.go`, import.meta.url));
    await cp(main, join(module, "podrole-answers", "main.go"));
    const env = { ...process.env, CGO_ENABLED: "0" };
    await promisify(execFile)("go", ["build", "-o", join(folder, "answer"), "./podrole-answers"], {
      cwd: module,
      env,
    });
    const running = promisify(execFile)(join(folder, "answer"), { maxBuffer: 2 ** 26 });
    running.child.stdin?.end(JSON.stringify(questions));
    return JSON.parse((await running).stdout) as readonly unknown[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.skipIf(checkouts === undefined)(
  `kube2iam and kiam give the answers that are kept beside this test${checkouts === undefined ? ": PODROLE_ORIGINALS names no checkouts of them" : ""}`,
  async () => {
    const kube2iam = await answersOf("kube2iam", KUBE2IAM_CASES);
    const kiam = await answersOf("kiam", KIAM_CASES);
    const lines = (cases: readonly object[], answers: readonly unknown[]): string =>
      cases.map((one, index) => JSON.stringify([one, answers[index]])).join(",\n");
    await expect(
      `{"kube2iam": [\n${lines(KUBE2IAM_CASES, kube2iam)}\n],\n"kiam": [\n${lines(KIAM_CASES, kiam)}\n]}\n`,
    ).toMatchFileSnapshot("golden/original-answers.json");
  },
  900_000,
);
