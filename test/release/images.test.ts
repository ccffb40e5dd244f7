import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build } from "../../.ci/build.ts";
import { IMAGES, IMAGE_NAMES } from "../../.ci/releasing/images.ts";
import { imageIn } from "../../.ci/releasing/layout.ts";
import type { Bom } from "../../.ci/releasing/sbom.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import { REGISTRY, VERSION } from "../../injector/model/version.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import { account, ACCOUNTS, namespace, NAMESPACES } from "../injector/cluster/kubernetes-rig.ts";
import { fakeApiServer } from "../support/fake-api-server.ts";
import { injectorProcess, SERVICE_NAME } from "../support/injector-process.ts";
import { pod } from "../support/pods.ts";
import { reviewText } from "../support/webhook.ts";
import { inside, NATIVE, unpackedImages, type Unpacked } from "./unpacked.ts";

/** The images of a release that `.ci/release` has made of this commit. PODROLE_TEST_RELEASE names its folder. */

const release = process.env["PODROLE_TEST_RELEASE"] ?? "";
const reason =
  release === "" ? "PODROLE_TEST_RELEASE names no folder" : process.getuid?.() === 0 ? undefined : "not root";
const why = reason === undefined ? "" : ` (skipped: ${reason})`;
const EMULATOR = "/proc/sys/fs/binfmt_misc/qemu-aarch64";

const read = (name: string): string => readFileSync(join(release, name), "utf8");
const bomOf = ({ name, architecture }: Unpacked): Bom =>
  JSON.parse(read(`podrole-${VERSION}-${name}-${architecture}.cdx.json`)) as Bom;

describe.skipIf(reason !== undefined)(`the images of a release${why}`, () => {
  const dist = mkdtempSync(join(tmpdir(), "podrole-dist-"));
  let images: readonly Unpacked[] = [];
  beforeAll(async () => {
    images = unpackedImages(release);
    await build(dist);
  });
  afterAll(() => {
    for (const folder of [dist, ...images.map(({ root }) => root)]) rmSync(folder, { recursive: true });
  });

  const of = (name: Unpacked["name"], architecture = NATIVE): Unpacked => {
    const found = images.find((one) => one.name === name && one.architecture === architecture);
    if (found === undefined) throw new Error(`There is no image ${name} for ${architecture}.`);
    return found;
  };

  const run = (image: Unpacked, words: readonly string[], how: Parameters<typeof inside>[1] = {}) => {
    const [first = "", ...rest] = inside(image, how);
    const { status, stdout, stderr } = spawnSync(first, [...rest, ...words], {
      encoding: "utf8",
      timeout: 60_000,
    });
    return { status, stdout, stderr };
  };

  test("are for both platforms, and are what the release's list, values and manifests name", () => {
    expect(images.map(({ name, platform }) => `${name} ${platform}`)).toEqual([
      "injector linux/amd64",
      "injector linux/arm64",
      "sidecar linux/amd64",
      "sidecar linux/arm64",
    ]);
    const names = IMAGE_NAMES.map(
      (name) => `${REGISTRY}/${name}:${VERSION}@${imageIn(join(release, "images", name)).digest}`,
    );
    expect(read(`podrole-${VERSION}-images.txt`)).toBe(names.map((name) => `${name}\n`).join(""));
    for (const name of names) expect(read("install.yaml")).toContain(name);
    execFileSync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: release });
  });

  test("have one layer for Node and libraries and one for the programs, which is the same for both platforms", () => {
    for (const { layers, listings } of images) {
      expect(layers).toHaveLength(2);
      const [libraries = "", programs = ""] = listings;
      expect(libraries).toContain(" usr/local/bin/node\n");
      expect(programs).not.toMatch(/ (?!opt\/)\S+\n/);
      expect(layers[1]?.size).toBeLessThan(4 * 1024 * 1024);
    }
    for (const name of IMAGE_NAMES) expect(of(name, "amd64").layers[1]).toEqual(of(name, "arm64").layers[1]);
  });

  test("have files of root's that others may not write, dated alike", () => {
    for (const { listings } of images) {
      const lines = listings.join("").trim().split("\n");
      const rights = /^(?:[-d]r[w-][x-]r-[x-]r-[x-]|l\S+) +0\/0 .* 1970-01-01 00:00:00 /;
      expect(lines.filter((line) => !rights.test(line))).toEqual([]);
    }
  });

  test("have no shell and no package manager, and start as nobody in particular", () => {
    for (const { root, config } of images) {
      const programs = ["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"].flatMap((folder) =>
        existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [],
      );
      expect(programs).toContain("node");
      expect(
        programs.filter((one) => /^(?:[a-z]*sh|busybox|apt.*|dpkg.*|npm|npx|env|perl.*)$/.test(one)),
      ).toEqual([]);
      expect(config.config.User).toBe("65532:65532");
      expect(config.config.Labels["org.opencontainers.image.version"]).toBe(VERSION);
    }
  });

  test("contain the programs that this tree builds", () => {
    for (const { name, root } of images) {
      const at = join(root, "opt/podrole");
      const files = readdirSync(at, { recursive: true, encoding: "utf8", withFileTypes: true })
        .filter((one) => one.isFile() && one.name !== "LICENSE")
        .map((one) => join(one.parentPath, one.name).slice(at.length + 1));
      expect(files).toEqual(
        expect.arrayContaining(
          IMAGES[name].map((program) => (program === "sidecar" ? "sidecar.cjs" : `${program}.mjs`)),
        ),
      );
      for (const file of files) {
        // The image's sidecar names its Node by another path.
        const content = (folder: string): string =>
          readFileSync(join(folder, file), "utf8").replace(/^#!.*/, "");
        expect({ file, isSame: content(at) === content(dist) }).toEqual({ file, isSame: true });
      }
    }
  });

  test("contain what their SBOMs list", () => {
    for (const image of images) {
      const { components } = bomOf(image);
      const purls = components.flatMap(({ purl }) => purl ?? []);
      const packages = purls.flatMap(
        (purl) => /^pkg:deb\/debian\/([^@]+)@/.exec(purl)?.slice(1).map(decodeURIComponent) ?? [],
      );
      const installed = readdirSync(join(image.root, "var/lib/dpkg/status.d"));
      expect(packages.toSorted()).toEqual(installed.toSorted());
      expect(packages).toContain("libc6");
      expect(packages.includes("nftables")).toBe(image.name === "sidecar");
      for (const purl of purls.filter((one) => one.startsWith("pkg:deb")))
        expect(purl).toMatch(new RegExp(`[?&]arch=(?:${image.architecture}|all)&`));
      const npm = components.filter(({ purl }) => purl?.startsWith("pkg:npm/") === true);
      expect(npm.length > 50).toBe(image.name === "injector");
    }
    const node = run(of("sidecar"), ["/usr/local/bin/node", "--version"]).stdout.trim();
    expect(bomOf(of("sidecar")).components.map(({ purl }) => purl)).toContain(
      `pkg:generic/node@${node.slice(1)}`,
    );
  });

  test("start the sidecar under a uid that the image does not know", () => {
    const started = run(of("sidecar"), ["/usr/local/bin/podrole-sidecar", "--version"], {
      uid: SIDECAR_UIDS.min,
    });
    expect(started).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  test("run the guard with the image's own nft, in a network of its own", () => {
    const guarded = run(of("sidecar"), ["/usr/local/bin/podrole-sidecar", "guard"], {
      env: { [ENV.blockedAddresses]: "169.254.169.254", [ENV.podIp]: "10.0.0.7", [ENV.hostIp]: "10.0.0.1" },
    });
    expect(guarded).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/169\.254\.169\.254 is out of reach/) as string,
    });
  });

  test("have every form of iptables that the guard calls", () => {
    for (const program of [
      "iptables-nft-restore",
      "ip6tables-nft-save",
      "iptables-legacy-save",
      "ip6tables-legacy-restore",
    ]) {
      expect(run(of("sidecar"), [`/usr/sbin/${program}`, "--version"])).toMatchObject({ status: 0 });
    }
  });

  test("run an injector that answers a review", async () => {
    const api = await fakeApiServer();
    api.put(NAMESPACES, namespace("shop"));
    api.put(ACCOUNTS, account("default"));
    const authority = await certificateAuthority("test", validFor(1, Date.now()));
    const { port } = await injectorProcess(api, authority, [], {
      program: "/opt/podrole/injector.mjs",
      // Instead of this test's own Node.
      before: inside(of("injector"), { net: "host", program: "/usr/local/bin/node" }),
    });
    const asked = request({
      host: "127.0.0.1",
      port,
      path: "/mutate",
      method: "POST",
      ca: authority.cert,
      servername: SERVICE_NAME,
      headers: { "content-type": "application/json" },
    });
    asked.end(reviewText(JSON.stringify(pod())));
    const [answer] = (await once(asked, "response")) as [NodeJS.ReadableStream];
    expect(JSON.parse(await text(answer))).toMatchObject({ response: { uid: "review-1" } });
  });

  const isEmulated = existsSync(EMULATOR) || NATIVE === "arm64";
  test.skipIf(!isEmulated)(
    `start every program for arm64${isEmulated ? "" : " (skipped: no emulator of it)"}`,
    () => {
      for (const program of IMAGES.injector) {
        const started = run(of("injector", "arm64"), [
          "/usr/local/bin/node",
          `/opt/podrole/${program}.mjs`,
          "--version",
        ]);
        expect({ program, ...started }).toMatchObject({ status: 0, stdout: `${VERSION}\n` });
      }
      const sidecar = run(of("sidecar", "arm64"), ["/usr/local/bin/podrole-sidecar", "--version"]);
      expect(sidecar).toMatchObject({ status: 0, stdout: `${VERSION}\n` });
    },
  );
});
