import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { IMAGE_NAMES, type ImageName } from "../../.ci/releasing/images.ts";
import { blobIn, imageIn, type PlatformImage } from "../../.ci/releasing/layout.ts";

/** An image for one platform, with its files in a folder. */
export interface Unpacked extends PlatformImage {
  readonly name: ImageName;
  readonly root: string;
  /** What `tar` lists of each layer, one line a file. */
  readonly listings: readonly string[];
  readonly config: {
    readonly created: string;
    readonly config: {
      readonly User: string;
      readonly Env: readonly string[];
      readonly Labels: Readonly<Record<string, string>>;
    };
  };
}

/** As images name this machine's architecture. */
export const NATIVE = arch() === "x64" ? "amd64" : arch();

/** Unpacks every image of a release. The caller removes the folders. */
export const unpackedImages = (release: string): readonly Unpacked[] =>
  IMAGE_NAMES.flatMap((name) => {
    const layout = join(release, "images", name);
    return imageIn(layout).platforms.map((one) => unpacked(layout, name, one));
  });

function unpacked(layout: string, name: ImageName, image: PlatformImage): Unpacked {
  const root = mkdtempSync(join(tmpdir(), `podrole-image-${name}-${image.architecture}-`));
  const tar = (...args: readonly string[]): string =>
    execFileSync("tar", args, {
      encoding: "utf8",
      env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
      maxBuffer: 2 ** 26,
    });
  const listings = image.layers.map(({ digest }) => {
    const blob = blobIn(layout, digest);
    tar("-xzf", blob, "-C", root);
    return tar("-tvzf", blob, "--full-time");
  });
  // Also for another uid.
  chmodSync(root, 0o755);
  // Where a container runtime mounts something.
  for (const folder of ["/proc", tmpdir()]) mkdirSync(join(root, folder), { recursive: true });
  const json = (digest: string): unknown => JSON.parse(readFileSync(blobIn(layout, digest), "utf8"));
  const { config } = json(image.digest) as { readonly config: { readonly digest: string } };
  return { ...image, name, root, listings, config: json(config.digest) as Unpacked["config"] };
}

interface Inside {
  /** `own`: a network of its own, where it has the address 10.0.0.7. */
  readonly net?: "own" | "host";
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The program, instead of the first word that follows. */
  readonly program?: string;
}

/**
 * The words before those of a program that runs with an image's files as its root, with the image's variables, and in namespaces of its
 * own.
 */
export function inside(
  { root, config }: Unpacked,
  { net = "own", uid = 0, env = {}, program }: Inside = {},
): readonly string[] {
  const variables = [...config.config.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const steps = [
    ...(net === "own" ? ["ip link set lo up", "ip address add 10.0.0.7/32 dev lo"] : []),
    `mount -t proc proc '${root}/proc'`,
    `mount --bind '${tmpdir()}' '${join(root, tmpdir())}'`,
    ...(program === undefined ? [] : [`shift && set -- '${program}' "$@"`]),
    // The image's PATH has no chroot.
    "chroot=$(command -v chroot)",
    `exec env -i ${variables.map((one) => `'${one}'`).join(" ")} "$chroot" --userspec=${uid}:${uid} '${root}' "$@"`,
  ];
  return ["unshare", "--mount", ...(net === "own" ? ["--net"] : []), "sh", "-c", steps.join(" && "), "sh"];
}
