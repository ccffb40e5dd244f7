import { join } from "node:path";
import type { Epoch } from "./archive.ts";
import { imageIn, type Image } from "./layout.ts";
import { run } from "./run.ts";

/** The images by their Dockerfiles' endings, each with the bundles that it contains. */
export const IMAGES = {
  injector: ["injector", "controller", "broker"],
  sidecar: ["sidecar"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ImageName = keyof typeof IMAGES;

export const IMAGE_NAMES = Object.keys(IMAGES) as readonly ImageName[];

const PLATFORMS = ["linux/amd64", "linux/arm64"];

interface Build {
  /** A tree with the Dockerfiles. */
  readonly source: string;
  readonly version: string;
  readonly epoch: Epoch;
  /** More options of `docker buildx build`. */
  readonly options: readonly string[];
}

/**
 * Builds an image for all platforms into an OCI layout. BuildKit runs what is for another platform by an emulator, which the machine
 * must have registered with the kernel.
 * @param layout  a folder that is not there yet
 */
export function buildImage(name: ImageName, layout: string, build: Build): Image {
  const { source, version, epoch, options } = build;
  const args = Object.entries({
    VERSION: version,
    SOURCE_DATE_EPOCH: epoch,
    DEBIAN_SNAPSHOT: "base",
  }).flatMap(([arg, value]) => ["--build-arg", `${arg}=${value}`]);
  // Without provenance and SBOM of BuildKit's own: they contain the time of the build. The Dockerfiles date all files 1970, so that a
  // layer with the same files is the same in each release. Whatever they overlook gets the commit's date instead of today's.
  const reproducible = ["--provenance=false", "--sbom=false"];
  const output = `type=oci,tar=false,dest=${layout},rewrite-timestamp=true`;
  const files = ["--file", join(source, `Dockerfile.${name}`), "--platform", PLATFORMS.join(",")];
  run(
    "docker",
    ["buildx", "build", ...files, ...args, ...reproducible, "--output", output, ...options, source],
    {
      isShown: true,
    },
  );
  return imageIn(layout);
}
