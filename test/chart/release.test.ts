import { execFile, execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { CHART_LAYOUT, writeFiles, type Digests, type Source } from "../../.ci/releasing/files.ts";
import { blobIn } from "../../.ci/releasing/layout.ts";
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

/** A registry that has one artifact, under one tag and by its digest, and each of its blobs. */
async function registryOf(layout: string, name: string, tag: string): Promise<Server> {
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const [{ mediaType, digest }] = manifests;
  const server = createServer(({ url = "" }, answer) => {
    const asked = url.replace(`/v2/${name}/`, "").replace(`manifests/${tag}`, `manifests/${digest}`);
    const [, kind, wanted] = /^(manifests|blobs)\/(sha256:[0-9a-f]{64})$/.exec(asked) ?? [];
    const file = blobIn(layout, wanted ?? "sha256:none");
    if (!existsSync(file)) return void answer.writeHead(url === "/v2/" ? 200 : 404).end();
    const content = readFileSync(file);
    const type = kind === "manifests" ? mediaType : "application/octet-stream";
    const headers = { "Content-Type": type, "Content-Length": content.length };
    answer.writeHead(200, { ...headers, "Docker-Content-Digest": wanted }).end(content);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
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
    for (const name of ["SHA256SUMS", `${CHART_LAYOUT}/index.json`]) {
      expect(readFileSync(join(work, "second", name), "utf8")).toBe(read(name));
    }
  });

  test("has checksums of all its files, as sha256sum reads them", () => {
    const names = readdirSync(first).filter((name) => !["SHA256SUMS", "images"].includes(name));
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

  test("has a chart that helm pulls from a registry, with the same bytes and by the digest that is signed", async () => {
    const server = await registryOf(join(first, CHART_LAYOUT), "charts/podrole", VERSION);
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const pull = ["pull", `oci://127.0.0.1:${port}/charts/podrole`, "--version", VERSION, "--plain-http"];
    const { stderr } = await promisify(execFile)("helm", [...pull, "--destination", work]);
    expect(stderr).toContain(`Digest: ${JSON.parse(read(`${CHART_LAYOUT}/index.json`)).manifests[0].digest}`);
    expect(readFileSync(join(work, `podrole-${VERSION}.tgz`))).toEqual(
      readFileSync(join(first, `podrole-chart-${VERSION}.tgz`)),
    );
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
