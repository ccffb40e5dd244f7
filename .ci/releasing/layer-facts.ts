import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

/** A Debian package, as its entry in the package database describes it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source package, where vulnerabilities are recorded. */
  readonly source: string;
}

/** What an image contains beside the bundles. */
export interface LayerFacts {
  readonly node: string;
  /** As in os-release: `debian` and `13`. */
  readonly os: { readonly id: string; readonly version: string };
  readonly packages: readonly DebianPackage[];
}

const STATUS = "var/lib/dpkg/status.d";
const OS = "etc/os-release";
const NODE = "usr/share/doc/node/version";

/** @param layer  the file of the layer with Node and the libraries, a compressed archive */
export function factsOf(layer: string): LayerFacts {
  const work = mkdtempSync(join(tmpdir(), "podrole-layer-"));
  try {
    run("tar", ["-xzf", layer, "-C", work, STATUS, OS, NODE]);
    const read = (path: string): string => readFileSync(join(work, path), "utf8");
    const names = readdirSync(join(work, STATUS)).toSorted();
    return {
      node: read(NODE).trim().replace(/^v/, ""),
      os: osOf(read(OS)),
      packages: names.map((name) => packageOf(read(join(STATUS, name)))),
    };
  } finally {
    rmSync(work, { recursive: true });
  }
}

function osOf(text: string): LayerFacts["os"] {
  const value = (key: string): string =>
    new RegExp(`^${key}="?([^"\n]+)`, "m").exec(text)?.[1] ?? absent(key, text);
  return { id: value("ID"), version: value("VERSION_ID") };
}

/** @param text  an entry of dpkg's database: lines of `Field: value`, of which long values go on in indented lines */
export function packageOf(text: string): DebianPackage {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (\\S+)`, "m").exec(text)?.[1];
  const name = field("Package") ?? absent("Package", text);
  return {
    name,
    version: field("Version") ?? absent("Version", text),
    architecture: field("Architecture") ?? absent("Architecture", text),
    source: field("Source") ?? name,
  };
}

const absent = (name: string, text: string): never => {
  throw new Error(`${name} is not in ${JSON.stringify(text.slice(0, 200))}`);
};
