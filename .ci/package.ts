import { copyFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OLDEST_NODE } from "../injector/cli/node-version.ts";

/** The command line, and the programs that its demo runs. The controller is for images alone. */
const FILES = [
  ...["cli", "demo-app", "injector", "broker"].flatMap((name) => [
    `${name}.mjs`,
    `${name}.mjs.LEGAL.txt`,
    name,
  ]),
  "sidecar.cjs",
  "examples",
];

/**
 * Makes the folder with the built programs a package that `npm pack` packs. It is not the tree's own package: that one has
 * dependencies, which the bundles contain already, and needs a newer Node.
 */
export function makePackage(root: string, dist: string): void {
  const { name, version, description, license } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  ) as Readonly<Record<string, string>>;
  const manifest = {
    name,
    version,
    description,
    license,
    private: true,
    bin: { podrole: "cli.mjs" },
    files: FILES,
    engines: { node: `>=${OLDEST_NODE}` },
  };
  writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(root, "LICENSE"), join(dist, "LICENSE"));
  cpSync(join(root, "deploy/examples"), join(dist, "examples"), { recursive: true });
}
