import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { writeFiles, type Digests, type Source } from "../../.ci/releasing/files.ts";
import type { Bom } from "../../.ci/releasing/sbom.ts";
import { writeSums } from "../../.ci/releasing/sums.ts";
import { REGISTRY, VERSION } from "../../injector/model/version.ts";
import { whyNoHelm } from "../support/helm.ts";

/** What `.ci/release` makes beside the images. test/release/ has the images. */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DIGESTS: Digests = { injector: `sha256:${"1".repeat(64)}`, sidecar: `sha256:${"2".repeat(64)}` };
const reason = whyNoHelm();

const work = mkdtempSync(join(tmpdir(), "podrole-release-test-"));
const first = join(work, "first");
const read = (name: string): string => readFileSync(join(first, name), "utf8");

/** A tree of its own, as `.ci/release` exports one. */
function treeIn(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "tsconfig.json", "LICENSE", ".ci", "deploy", "injector", "sidecar"]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  // Files, not a link to them: the bundler puts the places of modules into names.
  const [from, to] = [join(ROOT, "node_modules"), join(folder, "node_modules")];
  if (spawnSync("cp", ["-al", from, to]).status !== 0)
    cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  execFileSync(process.execPath, [".ci/build.ts"], { cwd: folder });
  return folder;
}

function released(tree: string, folder: string): void {
  const source: Source = {
    tree: treeIn(tree),
    version: VERSION,
    epoch: 1_700_000_000,
    registry: REGISTRY,
  };
  mkdirSync(folder);
  writeFiles(source, DIGESTS, folder);
  writeSums(folder);
}

const why = reason === undefined ? "" : ` (skipped: ${reason})`;
describe.skipIf(reason !== undefined)(`a release${why}`, () => {
  beforeAll(() => {
    vi.stubEnv("PATH", [process.env["PATH"], process.env["KUBEBUILDER_ASSETS"]].join(delimiter));
    released(join(work, "tree"), first);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(work, { recursive: true });
  });

  test("has the same bytes when another user makes it elsewhere, later, in another time zone", () => {
    const umask = process.umask(0o077);
    onTestFinished(() => void process.umask(umask));
    vi.stubEnv("TZ", "Pacific/Kiritimati");
    vi.stubEnv("LC_ALL", "de_DE.UTF-8");
    released(join(work, "somewhere/else/tree"), join(work, "second"));
    expect(readFileSync(join(work, "second/SHA256SUMS"), "utf8")).toBe(read("SHA256SUMS"));
  });

  test("has checksums of all its files, as sha256sum reads them", () => {
    const names = readdirSync(first).filter((name) => name !== "SHA256SUMS");
    expect(names.toSorted()).toEqual([
      "install.yaml",
      `podrole-${VERSION}-cli.cdx.json`,
      `podrole-${VERSION}-digests.yaml`,
      `podrole-${VERSION}-images.txt`,
      `podrole-chart-${VERSION}.tgz`,
      `podrole-cli-${VERSION}.tgz`,
    ]);
    const checked = execFileSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], {
      cwd: first,
      encoding: "utf8",
    });
    expect(checked.match(/: OK$/gm)).toHaveLength(names.length);
  });

  test("names in install.yaml and values each image by its digest, and changes nothing else of the chart", () => {
    const committed = readFileSync(join(ROOT, "deploy/install.yaml"), "utf8");
    const byDigest = committed
      .replaceAll(
        `"${REGISTRY}/injector:${VERSION}"`,
        `"${REGISTRY}/injector:${VERSION}@${DIGESTS.injector}"`,
      )
      .replaceAll(
        `image: ${REGISTRY}/sidecar:${VERSION}`,
        `image: ${REGISTRY}/sidecar:${VERSION}@${DIGESTS.sidecar}`,
      );
    const withoutHead = (text: string): string => text.slice(text.indexOf("---"));
    expect(withoutHead(read("install.yaml"))).toBe(withoutHead(byDigest));
    expect(read("install.yaml").split(DIGESTS.injector)).toHaveLength(3);
    expect(read("install.yaml").split(DIGESTS.sidecar)).toHaveLength(2);
  });

  test("has a chart that helm installs with the digests", () => {
    const args = ["template", "podrole", `./podrole-chart-${VERSION}.tgz`, "--namespace", "podrole-system"];
    const values = ["--set", "namespace.create=true", "--values", `podrole-${VERSION}-digests.yaml`];
    const rendered = execFileSync("helm", [...args, "--kube-version", "1.36.1", ...values], {
      cwd: first,
      encoding: "utf8",
    });
    expect(read("install.yaml")).toContain(rendered);
  });

  test("has a command line that npm installs", () => {
    const prefix = join(work, "global");
    const install = ["install", "--silent", "--offline", "--global", "--prefix", prefix];
    execFileSync("npm", [...install, `./podrole-cli-${VERSION}.tgz`], { cwd: first });
    const env = { PATH: process.env["PATH"], HOME: work };
    const said = execFileSync(join(prefix, "bin/podrole"), ["version"], { env, encoding: "utf8" });
    expect(said).toContain(VERSION);
    expect(existsSync(join(prefix, "lib/node_modules/podrole/LICENSE"))).toBe(true);
  });

  test("lists every npm package whose licence the command line's package contains, and nothing of this machine", () => {
    const text = read(`podrole-${VERSION}-cli.cdx.json`);
    const { components } = JSON.parse(text) as Bom;
    const listed = components.map(
      ({ group, name, version }) => `${group ? `${group}/` : ""}${name}@${version}`,
    );
    const licensed = ["cli", "injector", "broker", "demo-app"].flatMap((name) => {
      const licences = readFileSync(join(work, `tree/dist/${name}/LICENSES.txt`), "utf8");
      return licences.match(/^(?:@[\w.-]+\/)?[\w.-]+@\d\S*$/gm) ?? [];
    });
    expect(licensed.length).toBeGreaterThan(50);
    expect(listed.toSorted()).toEqual([...new Set(licensed)].toSorted());
    expect(text).not.toContain(work);
    expect(text).not.toContain(ROOT);
  });
});
