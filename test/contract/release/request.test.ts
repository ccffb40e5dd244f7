import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isFilled } from "../../../.ci/releasing/facts.ts";
import { RefusedError, requestOf, type Facts } from "../../../.ci/releasing/request.ts";
import { tempFolder } from "../../support/temp-files.ts";

const READY: Facts = {
  cwd: "/home/ada",
  root: "/src/podrole",
  versions: { "package.json": "1.2.3", "the version in deploy/chart/Chart.yaml": "1.2.3" },
  changes: "",
  missing: [],
  isFilled: () => false,
};

function refusal(args: readonly string[], facts: Partial<Facts> = {}): string {
  try {
    return `not refused: ${JSON.stringify(requestOf(args, { ...READY, ...facts }))}`;
  } catch (error) {
    if (error instanceof RefusedError) return error.message;
    throw error;
  }
}

describe("a release", () => {
  test("is made in a folder of its version below dist, unless another is named", () => {
    expect(requestOf(["1.2.3"], READY)).toEqual({
      version: "1.2.3",
      folder: "/src/podrole/dist/release/1.2.3",
      buildOptions: [],
    });
    expect(requestOf(["1.2.3", "out"], READY).folder).toBe("/home/ada/out");
  });

  test("passes on to docker what follows two dashes", () => {
    const request = requestOf(["1.2.3", "/out", "--", "--builder", "far"], READY);
    expect(request).toMatchObject({ folder: "/out", buildOptions: ["--builder", "far"] });
    expect(requestOf(["1.2.3", "--", "--builder", "far"], READY).folder).toContain("dist/release");
  });

  test.for([[[]], [[""]], [["--", "--builder"]], [["1.2.3", "out", "more"]]])(
    "says how it is called when it is called with %j",
    ([args = []]) => {
      expect(refusal(args)).toMatch(/^RELEASE_USAGE: say what to release: \.ci\/release VERSION /);
    },
  );

  test.for([
    "v1.2.3",
    "1.2",
    "1.2.3.4",
    "01.2.3",
    "1.2.3+build",
    "1.2.3-",
    "1.2.3-01",
    "latest",
    "$(id)",
    "1.2.3\n",
  ])("refuses %j, which is no version", (version) => {
    const why = `${JSON.stringify(version)} is not a version such as 1.2.3 or 1.2.3-rc.1.`;
    expect(refusal([version])).toBe(`RELEASE_BAD_VERSION: ${why}`);
  });

  test("refuses a version that the tree does not have, and names the files", () => {
    expect(refusal(["1.3.0-rc.1"])).toBe(
      "RELEASE_OTHER_VERSION: package.json says 1.2.3, the version in deploy/chart/Chart.yaml says 1.2.3: write 1.3.0-rc.1 there and commit it.",
    );
  });

  test("refuses a tree with changes, and names the first", () => {
    expect(refusal(["1.2.3"], { changes: " M injector/main.ts\n?? notes.txt\n" })).toBe(
      "RELEASE_NOT_COMMITTED: a release is made of a commit, and injector/main.ts and more is not committed: commit it or take it away.",
    );
    expect(refusal(["1.2.3"], { changes: "?? notes.txt\n" })).toContain("and notes.txt is not committed");
  });

  test("names every program that is missing", () => {
    expect(refusal(["1.2.3"], { missing: ["GNU tar", "helm"] })).toBe(
      "RELEASE_NO_TOOL: install what a release is made with: GNU tar, helm.",
    );
  });

  test("finds whether a release would be written over something", () => {
    const folder = tempFolder();
    expect([isFilled(join(folder, "new")), isFilled(folder)]).toEqual([false, false]);
    writeFileSync(join(folder, "file"), "");
    expect([isFilled(join(folder, "file")), isFilled(folder)]).toEqual([true, true]);
  });

  test("refuses a folder that has something in it", () => {
    expect(refusal(["1.2.3", "/out"], { isFilled: (folder) => folder === "/out" })).toBe(
      "RELEASE_FOLDER_NOT_EMPTY: /out is no empty folder: name another.",
    );
  });
});
