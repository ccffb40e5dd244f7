import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json" with { type: "json" };
import { factsOf } from "./facts.ts";
import { writeFiles, writeImageBoms, type Source } from "./files.ts";
import { buildImage, type ImageName } from "./images.ts";
import type { Image } from "./layout.ts";
import { RefusedError, requestOf, type Request } from "./request.ts";
import { run } from "./run.ts";
import { writeSums } from "./sums.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The commit's tree, with its packages and programs: nothing of what lies around in this one gets into a release. */
function exported(into: string): void {
  mkdirSync(into);
  run("git", ["-C", ROOT, "archive", "--format=tar", `--output=${into}.tar`, "HEAD"]);
  run("tar", ["-xf", `${into}.tar`, "-C", into]);
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], { cwd: into, isShown: true });
  run(process.execPath, [".ci/build.ts"], { cwd: into, isShown: true });
}

function release({ version, folder, buildOptions }: Request): void {
  const work = mkdtempSync(join(tmpdir(), "podrole-release-"));
  try {
    const tree = join(work, "tree");
    exported(tree);
    const epoch = Number(run("git", ["-C", ROOT, "log", "-1", "--format=%ct"]));
    const source: Source = { tree, version, epoch, registry: manifest.config.registry };
    const layout = (name: ImageName): string => join(folder, "images", name);
    mkdirSync(join(folder, "images"), { recursive: true });
    const build = { source: tree, version, epoch, options: buildOptions };
    const images: Readonly<Record<ImageName, Image>> = {
      injector: buildImage("injector", layout("injector"), build),
      sidecar: buildImage("sidecar", layout("sidecar"), build),
    };
    const digests = { injector: images.injector.digest, sidecar: images.sidecar.digest };
    writeFiles(source, digests, folder);
    for (const name of ["injector", "sidecar"] as const) {
      writeImageBoms(source, name, images[name], layout(name), folder);
      console.log(summary(name, images[name]));
    }
    writeSums(folder);
    console.log(`podrole ${version} is in ${folder}`);
  } catch (error) {
    // It was empty. Half a release in it would only be in the way of the next try.
    rmSync(folder, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** What is pulled, in bytes: the libraries once, the programs with each release. */
const summary = (name: string, { digest, platforms }: Image): string =>
  [
    `${name} ${digest}`,
    ...platforms.map(
      ({ platform, layers }) => `  ${platform} ${layers.map(({ size }) => size).join(" + ")} bytes`,
    ),
  ].join("\n");

try {
  release(requestOf(process.argv.slice(2), factsOf(ROOT)));
} catch (error) {
  const isRefused = error instanceof RefusedError;
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = isRefused ? 2 : 1;
}
