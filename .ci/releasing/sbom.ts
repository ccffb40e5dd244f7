import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DebianPackage, LayerFacts } from "./layer-facts.ts";
import { run } from "./run.ts";

/** A part of a CycloneDX document, version 1.6; what the tool writes of npm packages has more fields. */
interface Component {
  readonly type: "application" | "container" | "library" | "operating-system";
  readonly name: string;
  /** The scope of an npm package, with its `@`. */
  readonly group?: string;
  readonly version?: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly "bom-ref"?: string;
}

export interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

interface Metafile {
  readonly inputs: object;
  readonly outputs: object;
}

/**
 * The npm packages of which the bundles contain code, by CycloneDX's own tool for esbuild. It reads what the bundler kept; what is
 * installed is far more.
 * @param source  the tree that was built, with its packages and `dist`
 */
export function bundlesBom(source: string, bundles: readonly string[]): Bom {
  const metafiles = bundles.map(
    (name) => JSON.parse(readFileSync(join(source, `dist/${name}.meta.json`), "utf8")) as Metafile,
  );
  const work = mkdtempSync(join(tmpdir(), "podrole-bom-"));
  try {
    const inputs = Object.assign({}, ...metafiles.map((one) => one.inputs)) as object;
    const outputs = Object.assign({}, ...metafiles.map((one) => one.outputs)) as object;
    const metafile = join(work, "meta.json");
    writeFileSync(metafile, JSON.stringify({ inputs, outputs }));
    const tool = join(source, "node_modules/@cyclonedx/cyclonedx-esbuild/bin/cyclonedx-esbuild-cli.js");
    const options = ["--output-reproducible", "--spec-version", "1.6", "--validate"];
    run(process.execPath, [tool, ...options, "--output-file", join(work, "bom.json"), metafile], {
      cwd: source,
    });
    return JSON.parse(readFileSync(join(work, "bom.json"), "utf8")) as Bom;
  } finally {
    rmSync(work, { recursive: true });
  }
}

interface ImageOfBom {
  /** Such as `ghcr.io/podrole/injector`. */
  readonly repository: string;
  readonly version: string;
  readonly architecture: string;
  /** Of the image for this architecture. */
  readonly digest: string;
}

/** What an image contains: its bundles' packages, Node, and the Debian packages whose files it has. */
export function imageBom(bundles: Bom, image: ImageOfBom, facts: LayerFacts): Bom {
  const added = [osOf(facts), nodeOf(facts), ...facts.packages.map((one) => debianOf(one, facts))];
  const root = containerOf(image);
  const program = { ...bundles.metadata.component, "bom-ref": bundles.metadata.component["bom-ref"] ?? "" };
  const parts = [program, ...added];
  return {
    ...bundles,
    metadata: { ...bundles.metadata, component: root },
    components: [...parts, ...bundles.components],
    dependencies: [
      { ref: root["bom-ref"], dependsOn: parts.map((part) => part["bom-ref"]) },
      ...bundles.dependencies,
      ...added.map((part) => ({ ref: part["bom-ref"] })),
    ],
  };
}

type Part = Component & { readonly "bom-ref": string };

function containerOf({ repository, version, architecture, digest }: ImageOfBom): Part {
  const name = repository.split("/").at(-1) ?? "";
  const purl = `pkg:oci/${name}@${encodeURIComponent(digest)}?arch=${architecture}&repository_url=${encodeURIComponent(repository)}`;
  return { type: "container", name: repository, version, purl, "bom-ref": purl };
}

const osOf = ({ os }: LayerFacts): Part => ({
  type: "operating-system",
  name: os.id,
  version: os.version,
  "bom-ref": `os:${os.id}@${os.version}`,
});

function nodeOf({ node }: LayerFacts): Part {
  const purl = `pkg:generic/node@${node}`;
  // Node is no package of a registry: scanners know it by this name.
  const cpe = `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`;
  return { type: "application", name: "node", version: node, purl, cpe, "bom-ref": purl };
}

function debianOf({ name, version, architecture, source }: DebianPackage, { os }: LayerFacts): Part {
  const distro = encodeURIComponent(`${os.id}-${os.version}`);
  const purl = `pkg:deb/${os.id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=${distro}`;
  const upstream = source === name ? "" : `&upstream=${encodeURIComponent(source)}`;
  return { type: "library", name, version, purl: purl + upstream, "bom-ref": purl };
}
