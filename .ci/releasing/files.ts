import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repack, type Epoch } from "./archive.ts";
import { packChart, referencesOf, writeChartLayout, writeManifests } from "./chart.ts";
import { IMAGES, IMAGE_NAMES, type ImageName } from "./images.ts";
import { factsOf } from "./layer-facts.ts";
import { blobIn, type Image } from "./layout.ts";
import { bundlesBom, imageBom, type Bom } from "./sbom.ts";
import { run } from "./run.ts";

/** What the command line's package contains: see `.ci/package.ts`. */
const OF_COMMAND_LINE = ["cli", "demo-app", "injector", "broker", "sidecar"];

/** Where a release has its chart as a registry has it, beside the images. */
export const CHART_LAYOUT = "images/charts/podrole";

export interface Source {
  /** A tree of the commit, with its npm packages, built into `dist`. */
  readonly tree: string;
  readonly version: string;
  readonly epoch: Epoch;
  /** Where the images are pulled from, such as `ghcr.io/podrole`. */
  readonly registry: string;
}

export type Digests = Readonly<Record<ImageName, string>>;

/** Writes every file that needs of the images only their digests. */
export function writeFiles(
  { tree, version, epoch, registry }: Source,
  digests: Digests,
  folder: string,
): void {
  const references = referencesOf(registry, version, digests);
  const lines = IMAGE_NAMES.map((name) => `${references[name]}\n`);
  writeFileSync(join(folder, `podrole-${version}-images.txt`), lines.join(""));
  // npm and helm would give both the same name.
  packCommandLine(tree, join(folder, `podrole-cli-${version}.tgz`), epoch);
  const chart = join(folder, `podrole-chart-${version}.tgz`);
  packChart(tree, chart, version, epoch);
  writeChartLayout(chart, join(folder, CHART_LAYOUT));
  writeManifests(tree, folder, version, references);
  writeBom(join(folder, `podrole-${version}-cli.cdx.json`), bundlesBom(tree, OF_COMMAND_LINE));
}

/** Writes what each image contains, for each of its platforms. @param layout  the image's OCI layout */
export function writeImageBoms(
  source: Source,
  name: ImageName,
  image: Image,
  layout: string,
  folder: string,
): void {
  const { tree, version, registry } = source;
  const bundles = bundlesBom(tree, IMAGES[name]);
  for (const { architecture, digest, layers } of image.platforms) {
    const [libraries] = layers;
    if (libraries === undefined) throw new Error(`${layout} has an image without layers.`);
    const facts = factsOf(blobIn(layout, libraries.digest));
    const described = { repository: `${registry}/${name}`, version, architecture, digest };
    const file = `podrole-${version}-${name}-${architecture}.cdx.json`;
    writeBom(join(folder, file), imageBom(bundles, described, facts));
  }
}

const writeBom = (path: string, bom: Bom): void => writeFileSync(path, `${JSON.stringify(bom, null, 2)}\n`);

function packCommandLine(tree: string, to: string, epoch: Epoch): void {
  const work = mkdtempSync(join(tmpdir(), "podrole-pack-"));
  try {
    run("npm", ["pack", "--silent", "--pack-destination", work, "./dist"], { cwd: tree });
    for (const name of readdirSync(work)) repack(join(work, name), to, epoch);
  } finally {
    rmSync(work, { recursive: true });
  }
}
