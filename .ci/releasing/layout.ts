import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** As the image specification describes what a manifest lists. */
interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

/** An image for one platform. */
export interface PlatformImage {
  /** As in `--platform`: `linux/arm64`. */
  readonly platform: string;
  readonly architecture: string;
  /** Of its manifest. */
  readonly digest: string;
  /** In the order in which they lie on each other; sizes are of what is pulled, in bytes. */
  readonly layers: readonly Pick<Descriptor, "digest" | "size">[];
}

/** An image for all platforms, in an OCI layout. */
export interface Image {
  /** Of the index that lists the platforms. This is what an installation names. */
  readonly digest: string;
  readonly platforms: readonly PlatformImage[];
}

/** A blob's file. */
export const blobIn = (layout: string, digest: string): string =>
  join(layout, "blobs", ...digest.split(":", 2));

const json = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

/** The only image of an OCI layout. @throws Error if there is another number of images */
export function imageIn(layout: string): Image {
  const { manifests } = json(join(layout, "index.json")) as { readonly manifests: readonly Descriptor[] };
  const [index] = manifests;
  if (index === undefined || manifests.length > 1) {
    throw new Error(`${layout} has ${manifests.length} images instead of one.`);
  }
  const listed = json(blobIn(layout, index.digest)) as { readonly manifests: readonly Descriptor[] };
  return { digest: index.digest, platforms: listed.manifests.map((one) => platformImage(layout, one)) };
}

function platformImage(layout: string, { digest, platform }: Descriptor): PlatformImage {
  if (platform === undefined) throw new Error(`${layout} has an image for no platform.`);
  const { layers } = json(blobIn(layout, digest)) as { readonly layers: readonly Descriptor[] };
  const { os, architecture } = platform;
  return {
    platform: `${os}/${architecture}`,
    architecture,
    digest,
    layers: layers.map((layer) => ({ digest: layer.digest, size: layer.size })),
  };
}

/** A part of an artifact that is no image, by the media type that its own project gave it. */
export interface ArtifactPart {
  readonly mediaType: string;
  readonly content: Buffer | string;
}

/** Writes the OCI layout of an artifact. The same parts give the same digest. @param layout  a folder that is not there yet */
export function writeArtifact(layout: string, config: ArtifactPart, layers: readonly ArtifactPart[]): void {
  const written = ({ mediaType, content }: ArtifactPart): Descriptor & { readonly mediaType: string } => {
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    mkdirSync(dirname(blobIn(layout, digest)), { recursive: true });
    writeFileSync(blobIn(layout, digest), content);
    return { mediaType, digest, size: Buffer.byteLength(content) };
  };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const content = { schemaVersion: 2, mediaType, config: written(config), layers: layers.map(written) };
  const manifest = written({ mediaType, content: JSON.stringify(content) });
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}
