import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { missingTools } from "../../../.ci/releasing/facts.ts";
import { executableOnPath } from "../../support/executable.ts";

const RELEASE = fileURLToPath(new URL("../../../.ci/release", import.meta.url));

test.for([
  [[], /^RELEASE_USAGE: /],
  [["v0.1.0"], /^RELEASE_BAD_VERSION: "v0\.1\.0" is not a version /],
  [
    ["9.9.9"],
    /^RELEASE_OTHER_VERSION: package\.json says .*, the appVersion in deploy\/chart\/Chart\.yaml says /,
  ],
] as const)(".ci/release %j ends with 2 and one sentence", ([args, sentence]) => {
  const { status, stdout, stderr } = spawnSync(RELEASE, args, { encoding: "utf8" });
  expect({ status, stdout, lines: stderr.split("\n").length }).toEqual({ status: 2, stdout: "", lines: 2 });
  expect(stderr).toMatch(sentence);
});

test("a release knows what the machine lacks, also a tar that is not GNU's and a docker without buildx", () => {
  const folder = mkdtempSync(join(tmpdir(), "podrole-tools-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  // `true` ends well and says nothing of what it is.
  for (const name of ["tar", "docker"]) symlinkSync(executableOnPath("true") ?? "", join(folder, name));
  symlinkSync(executableOnPath("gzip") ?? "", join(folder, "gzip"));
  vi.stubEnv("PATH", folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(missingTools()).toEqual(["git", "npm", "GNU tar", "helm", "docker with buildx"]);
});
