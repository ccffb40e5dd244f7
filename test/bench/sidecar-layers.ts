import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { memory, startCpuMs } from "./sidecar-children.ts";
import { printTable, type Figures, type Row } from "./sidecar-figures.ts";
import { importsOfServe } from "./sidecar-report.ts";
import { bareCode, run, type Subject } from "./sidecar-subjects.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HTTP = `const { createServer } = process.getBuiltinModule("node:http");`;
/** Imports must be used, or the bundler removes them. */
const LOG = `import { createLog } from "./sidecar/kit/log.ts";\ncreateLog("info", "bench").info("listening");`;
const CLIENT = `import { stsOver } from "./sidecar/sts.ts";\nglobalThis.kept = stsOver;`;

/** The bare server, then with each of the sidecar's dependencies added; the last is the sidecar itself. */
export async function layers(
  directory: string,
  bare: Subject,
  sidecar: Subject,
): Promise<readonly Subject[]> {
  const modules = (await importsOfServe()).filter((name) => name !== "node:http");
  const imports = modules.map((name, index) => `import * as m${index} from ${JSON.stringify(name)};`);
  const kept = `globalThis.modules = [${modules.map((_, index) => `m${index}`).join()}];`;
  const layer = async (name: string, file: string, code: string): Promise<Subject> => {
    const path = join(directory, file);
    await writeFile(path, code);
    return { ...bare, name, args: [path] };
  };
  const bundled = async (name: string, folder: string, code: string): Promise<Subject> => {
    const outdir = join(directory, folder);
    await build({
      stdin: { contents: `${code}\n${bareCode(HTTP)}`, resolveDir: ROOT, loader: "ts" },
      outdir,
      bundle: true,
      splitting: true,
      // As in .ci/build.ts.
      alias: { "node:http": "./sidecar/node-http.cjs", http: "./sidecar/node-http.cjs" },
      absWorkingDir: ROOT,
      platform: "node",
      format: "esm",
      target: "node24",
      mainFields: ["module", "main"],
      minifySyntax: true,
      minifyWhitespace: true,
      logLevel: "warning",
      outExtension: { ".js": ".mjs" },
      banner: {
        js: "import{createRequire as podroleRequire}from'node:module';const require=podroleRequire(import.meta.url);",
      },
    });
    return { ...bare, name, args: [join(outdir, "stdin.mjs")] };
  };
  return [
    { ...bare, name: "a bare server" },
    await layer(
      "with Node's modules that the sidecar imports",
      "modules.mjs",
      `${imports.join("\n")}\n${kept}\n${bareCode(HTTP)}`,
    ),
    await bundled("with the logger", "logger", LOG),
    await bundled("with the AWS SDK's STS client, not called", "client", CLIENT),
    await bundled("with both", "both", `${LOG}\n${CLIENT}`),
    { ...sidecar, name: "the sidecar" },
  ];
}

const SETTLE_MS = 700;

export async function measureLayer(subject: Subject, figures: Figures): Promise<void> {
  const running = await run(subject);
  const cpuMs = await startCpuMs(running.pid);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const { rssAnonMb } = await memory(running.pid);
  figures.add(subject.name, { cpuMs, readyMs: running.readyMs, rssAnonMb });
  await running.stop();
}

export function printLayers(names: readonly string[], figures: Figures): void {
  const [first = ""] = names;
  printTable([
    ["", "private MB", "of bare", "ready ms", "CPU ms", "of bare"],
    ...names.map((name): Row => {
      const of = (figure: string): number => figures.median(name, figure);
      const ratio = (figure: string): string => (of(figure) / figures.median(first, figure)).toFixed(2);
      return [
        name,
        of("rssAnonMb").toFixed(1),
        ratio("rssAnonMb"),
        of("readyMs").toFixed(0),
        of("cpuMs").toFixed(0),
        ratio("cpuMs"),
      ];
    }),
  ]);
}
