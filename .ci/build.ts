import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle, type BuildOptions, type Plugin } from "esbuild";
import { bundledPage } from "../injector/cli/roles/html/bundle.ts";
import { OLDEST_NODE } from "../injector/cli/node-version.ts";
import { bundledIn, licenseText } from "./licenses.ts";
import { makePackage } from "./package.ts";

interface Bundle {
  /** The folder of this name in `dist` holds the licences and, of an ES module, the parts that it loads later. */
  readonly name: string;
  readonly entryPoints: Readonly<Record<string, string>>;
  readonly options?: BuildOptions;
}

/**
 * In one CommonJS file, where each module runs when a command needs it. An ES module that imports node:http gets all of its
 * exports, also those that Node loads only on access. One of them is `WebSocket`, which loads undici: 12 ms and 1.8 MB in
 * every pod for something that the sidecar never uses.
 */
const COMMON_JS: BuildOptions = {
  format: "cjs",
  splitting: false,
  // Each command reads the whole file: a third less of it is 1 ms. The sidecar prints no stack, so nobody misses a name.
  minifyIdentifiers: true,
  outExtension: { ".js": ".cjs" },
  banner: {},
};

/** Every program. */
export const BUNDLES: readonly Bundle[] = [
  {
    name: "sidecar",
    entryPoints: { sidecar: "sidecar/main.ts" },
    options: COMMON_JS,
  },
  { name: "injector", entryPoints: { injector: "injector/main.ts" } },
  { name: "controller", entryPoints: { controller: "injector/controller/main.ts" } },
  { name: "broker", entryPoints: { broker: "injector/broker/main.ts" } },
  { name: "cli", entryPoints: { cli: "injector/cli/main.ts" }, options: { target: `node${OLDEST_NODE}` } },
  // In one file: the demo copies it to the place where it runs it as a user's program.
  {
    name: "demo-app",
    entryPoints: { "demo-app": "injector/cli/demo/app.ts" },
    options: { splitting: false },
  },
];

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** CommonJS dependencies call `require`. An ES module has to create it. */
const BANNER =
  "import{createRequire as podroleRequire}from'node:module';const require=podroleRequire(import.meta.url);";

/** Puts of package.json only what programs read into them. With all of it, a new version of a test tool would change every image. */
const ABOUT_ITSELF: Plugin = {
  name: "about-itself",
  setup: (builder) => {
    builder.onLoad({ filter: /[\\/]package\.json$/ }, ({ path }) => {
      if (path !== join(ROOT, "package.json")) return undefined;
      const { version, config } = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, unknown>>;
      return { contents: JSON.stringify({ version, config }), loader: "json" };
    });
  },
};

/** Empties a folder and builds the programs of these names into it, or all, with what makes the folder an npm package. */
export async function build(dist: string, ...names: readonly string[]): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  const bundles = BUNDLES.filter(({ name }) => names.length === 0 || names.includes(name));
  await Promise.all(bundles.map((one) => buildOne(one, dist)));
  if (names.length === 0) makePackage(ROOT, dist);
}

async function buildOne({ name, entryPoints, options }: Bundle, dist: string): Promise<void> {
  const define =
    name === "cli" ? { PODROLE_ROLES_PAGE: JSON.stringify(JSON.stringify(await bundledPage())) } : {};
  const { metafile } = await bundle({
    entryPoints: { ...entryPoints },
    absWorkingDir: ROOT,
    outdir: dist,
    bundle: true,
    splitting: true,
    chunkNames: `${name}/[name]-[hash]`,
    platform: "node",
    format: "esm",
    target: "node24",
    mainFields: ["module", "main"],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "linked",
    logLevel: "warning",
    outExtension: { ".js": ".mjs" },
    banner: { js: BANNER },
    plugins: [ABOUT_ITSELF],
    define,
    ...options,
    metafile: true,
  });
  writeFileSync(join(dist, `${name}.meta.json`), JSON.stringify(metafile));
  const packages = bundledIn(metafile.outputs, ROOT);
  if (packages.length === 0) return;
  mkdirSync(join(dist, name), { recursive: true });
  writeFileSync(join(dist, name, "LICENSES.txt"), licenseText(packages));
}

if (import.meta.main) await build(join(ROOT, "dist"), ...process.argv.slice(2));
