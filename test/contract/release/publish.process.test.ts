import { describe, expect, test } from "vitest";
import { REGISTRY } from "../../../injector/model/version.ts";
import { PUBLISH, ran, reason, TEXT, type Ran } from "./steps.ts";

/** The job of release.yml that pushes and signs. */

const sha = (digit: string): string => `sha256:${digit.repeat(64)}`;
const INJECTOR = sha("1");
const SIDECAR = sha("2");
const CHART = sha("3");
const ALL = `injector@${INJECTOR} sidecar@${SIDECAR} charts/podrole@${CHART}`;
const LINES = `${REGISTRY}/injector:1.2.3@${INJECTOR}\n${REGISTRY}/sidecar:1.2.3@${SIDECAR}\n`;
const [FIRST = "", SECOND = ""] = LINES.split("\n");

const why = reason === undefined ? "" : ` (skipped: ${reason})`;
describe.skipIf(reason !== undefined)(`the job that signs${why}`, () => {
  const checked = (images: string, chart: string = CHART, tag = "v1.2.3"): Ran =>
    ran("check what the build job made", {
      env: { GITHUB_REF_NAME: tag },
      files: {
        "release/podrole-1.2.3-images.txt": images,
        "release/images/charts/podrole/index.json": JSON.stringify({ manifests: [{ digest: chart }] }),
      },
      programs: { sha256sum: "" },
    });

  test("takes the digests of images and chart from the build job, and the registry from the workflow", () => {
    const { status, outputs, calls } = checked(LINES);
    const set = ["version=1.2.3", `injector=${INJECTOR}`, `sidecar=${SIDECAR}`, `chart=${CHART}`];
    expect(outputs).toBe(`${[...set, `all=${ALL}`].join("\n")}\n`);
    expect(calls).toEqual(["sha256sum --check --strict --quiet SHA256SUMS"]);
    expect(status).toBe(0);
  });

  test.for([
    ["a third line, which would set a variable", `${LINES}BASH_ENV=release/x/injector:\n`],
    ["such a line in front", `BASH_ENV=release/x/injector:\n${LINES}`],
    ["another registry", LINES.replaceAll(REGISTRY, "registry.example.com/podrole")],
    ["another version", LINES.replaceAll("1.2.3", "1.2.4")],
    ["the images the other way round", `${SECOND}\n${FIRST}\n`],
    ["one image", `${FIRST}\n`],
    ["a digest that is too short", LINES.replace(`${INJECTOR}\n`, `${INJECTOR.slice(0, -1)}\n`)],
    ["more behind a digest", LINES.replace(SIDECAR, `${SIDECAR} x`)],
    ["nothing", ""],
  ])("refuses a list of images with %s", ([, images = ""]) => {
    const { status, error, outputs } = checked(images);
    expect(error).toMatch(/^images\.txt has other lines than injector and sidecar 1\.2\.3 of /);
    expect([status, outputs]).toEqual([1, ""]);
  });

  test.for(["none", `${CHART}\nBASH_ENV=x`, ""])("refuses a chart with the digest %j", (digest) => {
    const { status, error, outputs } = checked(LINES, digest);
    expect(error).toMatch(/^The chart's digest is none: /);
    expect([status, outputs]).toEqual([1, ""]);
  });

  test.for(["v1", "v1.2.3/../4", "v$(id)"])("refuses the tag %j", (tag) => {
    const { status, error } = checked(LINES, CHART, tag);
    expect([status, error]).toEqual([1, "The tag is not v and a version: name it such as v1.2.3."]);
  });

  test("writes no variable for its later steps, as no job does", () => {
    expect(TEXT).not.toContain("GITHUB_ENV");
  });

  const login = (registry: string, username = "", password = ""): Ran =>
    ran("log in to the registry", {
      env: {
        REGISTRY: registry,
        USERNAME: username,
        PASSWORD: password,
        TOKEN: "token",
        GITHUB_ACTOR: "ada",
      },
      programs: { docker: 'cat >>"$CALLS"' },
    });
  const OF_OTHERS = "registry.example.com/podrole";

  test("shows the workflow's token to ghcr.io", () => {
    const calls = ["docker login ghcr.io --username ada --password-stdin", "token"];
    expect(login("ghcr.io/podrole")).toMatchObject({ status: 0, calls });
  });

  test.for([
    ["", ""],
    ["robot", ""],
    ["", "secret"],
  ])("shows another registry no token where the secrets are %j", ([username = "", password = ""]) => {
    expect(login(OF_OTHERS, username, password)).toEqual({
      status: 1,
      error:
        "For registry.example.com add the secrets REGISTRY_USERNAME and REGISTRY_PASSWORD to the environment release.",
      calls: [],
      outputs: "",
    });
  });

  test("logs in to another registry with the secrets", () => {
    const calls = ["docker login registry.example.com --username robot --password-stdin", "secret"];
    expect(login(OF_OTHERS, "robot", "secret")).toMatchObject({ status: 0, calls });
  });

  /** @param inspect  what the registry says of a tag, a script of sh */
  const pushed = (inspect: string, all = ALL): Ran =>
    ran("push images and chart by their digests", {
      env: { ALL: all, VERSION: "1.2.3" },
      programs: { skopeo: `case "$1" in inspect) ${inspect} ;; esac` },
    });
  const copies = ({ calls }: Ran): readonly string[] =>
    calls.flatMap((call) => (call.startsWith("skopeo copy") ? [call.split(" ").at(-1) ?? ""] : []));

  test.for([
    "reading manifest 1.2.3: manifest unknown",
    "reading manifest 1.2.3: unknown: artifact podrole/injector:1.2.3 not found",
  ])("pushes by digest where the registry says of the tag: %s", (said) => {
    const done = pushed(`echo "${said}" >&2; exit 1`);
    expect(done.status).toBe(0);
    expect(copies(done)).toEqual(ALL.split(" ").map((one) => `docker://${REGISTRY}/${one}`));
  });

  const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  test("goes on where the registry has the tag with the same digest, as after a run that broke off", () => {
    expect(pushed("true", `injector@${EMPTY}`).status).toBe(0);
  });

  test("refuses where the registry has the tag with another digest, and pushes no more", () => {
    const done = pushed("true");
    expect(done).toMatchObject({
      status: 1,
      error: "The registry has injector:1.2.3 with another digest: release another version.",
    });
    expect(copies(done)).toHaveLength(1);
  });

  test("refuses where the registry does not say whether it has the tag", () => {
    expect(pushed("echo denied >&2; exit 1")).toMatchObject({
      status: 1,
      error: "Whether the registry has injector:1.2.3 is not known: run this job again. denied",
    });
  });

  test("sets the tags after all is signed and attested, and makes the GitHub release last", () => {
    const steps = PUBLISH.map(({ name = "", uses = "" }) => name || uses.replace(/@.*/, ""));
    const from = steps.indexOf("push images and chart by their digests");
    expect(steps.slice(from)).toEqual([
      "push images and chart by their digests",
      "sign, and attach the SBOM of each image to it",
      "actions/attest",
      "actions/attest",
      "actions/attest",
      "set the tags",
      "GitHub release",
    ]);
    const { calls } = ran("set the tags", { env: { ALL, VERSION: "1.2.3" }, programs: { skopeo: "" } });
    expect(calls.map((call) => call.split(" ").slice(-2).join(" "))).toEqual(
      ["injector", "sidecar", "charts/podrole"].map(
        (name, at) => `docker://${REGISTRY}/${ALL.split(" ")[at]} docker://${REGISTRY}/${name}:1.2.3`,
      ),
    );
  });
});

describe("the job that builds", () => {
  const checked = (isOnMain: boolean, passed: number): Ran =>
    ran("the commit is on main, and CI passed for it", {
      env: { GITHUB_REPOSITORY: "podrole/podrole" },
      programs: {
        git: `case "$1" in rev-parse) echo 1234abcd ;; *) exit ${isOnMain ? 0 : 1} ;; esac`,
        gh: `echo ${passed}`,
      },
    });

  test("goes on with a commit of main for which CI passed there", () => {
    const { status, calls } = checked(true, 1);
    expect(status).toBe(0);
    expect(calls).toContain("git merge-base --is-ancestor 1234abcd origin/main");
    expect(calls.at(-1)).toContain(
      "--workflow ci.yml --branch main --event push --commit 1234abcd --status success",
    );
  });

  test("refuses a commit that is not on main", () => {
    const error = "1234abcd is not on main: merge it, and tag what is on main.";
    expect(checked(false, 1)).toMatchObject({ status: 1, error });
  });

  test("refuses a commit for which CI has not passed", () => {
    const error =
      "CI has not passed for 1234abcd on main: wait until it has, or run it for this commit, and then run this job again.";
    expect(checked(true, 0)).toMatchObject({ status: 1, error });
  });
});
