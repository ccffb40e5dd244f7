import { expect, test } from "vitest";
import { packageOf, type LayerFacts } from "../../../.ci/releasing/layer-facts.ts";
import { imageBom, type Bom } from "../../../.ci/releasing/sbom.ts";

const BUNDLES: Bom = {
  metadata: {
    component: { type: "application", name: "podrole", version: "1.2.3", "bom-ref": "podrole@1.2.3" },
  },
  components: [{ type: "library", name: "yaml", version: "2.9.1", "bom-ref": "yaml@2.9.1" }],
  dependencies: [{ ref: "podrole@1.2.3", dependsOn: ["yaml@2.9.1"] }, { ref: "yaml@2.9.1" }],
};

const FACTS: LayerFacts = {
  node: "24.21.0",
  os: { id: "debian", version: "13" },
  packages: [
    { name: "libc6", version: "2.41-12+deb13u1", architecture: "arm64", source: "glibc" },
    { name: "nftables", version: "1:1.1.3-1", architecture: "arm64", source: "nftables" },
  ],
};

const IMAGE = {
  repository: "registry.example/tools/sidecar",
  version: "1.2.3",
  architecture: "arm64",
  digest: "sha256:00ff",
};

test("the SBOM of an image lists its programs, their npm packages, Node, Debian and its packages", () => {
  const { metadata, components } = imageBom(BUNDLES, IMAGE, FACTS);
  expect(metadata.component).toMatchObject({
    type: "container",
    purl: "pkg:oci/sidecar@sha256%3A00ff?arch=arm64&repository_url=registry.example%2Ftools%2Fsidecar",
  });
  expect(components.map(({ type, name, version, purl, cpe }) => [type, name, version, cpe ?? purl])).toEqual([
    ["application", "podrole", "1.2.3", undefined],
    ["operating-system", "debian", "13", undefined],
    ["application", "node", "24.21.0", "cpe:2.3:a:nodejs:node.js:24.21.0:*:*:*:*:*:*:*"],
    [
      "library",
      "libc6",
      "2.41-12+deb13u1",
      "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=arm64&distro=debian-13&upstream=glibc",
    ],
    ["library", "nftables", "1:1.1.3-1", "pkg:deb/debian/nftables@1%3A1.1.3-1?arch=arm64&distro=debian-13"],
    ["library", "yaml", "2.9.1", undefined],
  ]);
});

test("the SBOM of an image says of each part that the image has it, and refers to nothing unknown", () => {
  const { metadata, components, dependencies } = imageBom(BUNDLES, IMAGE, FACTS);
  const refs = [metadata.component, ...components].map((part) => part["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
  expect(new Set(dependencies.map(({ ref }) => ref))).toEqual(new Set(refs));
  const [root] = dependencies;
  expect(root?.ref).toBe(metadata.component["bom-ref"]);
  expect(root?.dependsOn).toHaveLength(5);
  for (const ref of dependencies.flatMap(({ dependsOn = [] }) => dependsOn)) expect(refs).toContain(ref);
});

test("a Debian package is read from its entry, with the source package without its version", () => {
  const entry = `Package: libgcc-s1
Status: install ok installed
Source: gcc-14 (14.2.0-19)
Version: 14.2.0-19
Architecture: amd64
Description: GCC support library
 Package: this line belongs to the description
`;
  const read = { name: "libgcc-s1", version: "14.2.0-19", architecture: "amd64", source: "gcc-14" };
  expect(packageOf(entry)).toEqual(read);
  expect(packageOf(entry.replace(/^Source.*\n/m, ""))).toEqual({ ...read, source: "libgcc-s1" });
  expect(() => packageOf("Package: a\n")).toThrow("Version is not in");
});
