import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Assets } from "./assets.ts";

/** The script and the style of the page, each in one piece. For `.ci/build.ts`, and for a program that runs from its sources. */
export async function bundledPage(): Promise<Assets> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("../page", import.meta.url)),
    entryPoints: ["main.ts", "page.css"],
    outdir: "out",
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome120", "firefox120", "safari17"],
    // A character outside of ASCII could be read wrongly where the file is served without its encoding.
    charset: "ascii",
    write: false,
    logLevel: "warning",
  });
  const textOf = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "";
  return { script: textOf(".js"), style: textOf(".css") };
}
