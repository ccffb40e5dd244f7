import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { printTable, type Figures, type Row } from "./sidecar-figures.ts";
import { FLAT_OUT, HEAPS, PACED, REQUESTS } from "./sidecar-measure.ts";
import { DIST } from "./sidecar-subjects.ts";

const AIM = { privateMemory: 1.35, ready: 2, p99Ms: 1 } as const;

/** Name, description and decimal places of each figure. */
const LINES: readonly (readonly [name: string, label: string, digits: number] | string)[] = [
  "Start, ms since exec",
  ["listeningMs", "  listening: first connection accepted", 0],
  ["readyMs", "  ready: first answer 200", 0],
  ["waitMs", "  wait hook, exec to exit (bare: node with an empty file)", 0],
  "Memory, MB",
  ["idleAnon", "  private (RssAnon), idle", 1],
  ["afterAnon", `  private (RssAnon), after ${REQUESTS} requests`, 1],
  ["idleRss", "  RSS, idle", 1],
  ["afterRss", `  RSS, after ${REQUESTS} requests`, 1],
  `GET of held credentials, ${PACED.rate} a second, ms`,
  ["pacedP50", "  p50", 2],
  ["pacedP99", "  p99", 2],
  ["pacedP999", "  p99.9", 2],
  ["firstP99", "  p99 in the second before that", 2],
  `GET of held credentials, at full speed over ${FLAT_OUT.connections} connections, ms`,
  ["fullPerSecond", "  requests a second", 0],
  ["fullP50", "  p50", 2],
  ["fullP99", "  p99", 2],
  ["fullP999", "  p99.9", 2],
  ["cpuUs", "  the server's CPU time for one, µs", 0],
];

export function printFigures(figures: Figures): void {
  const [first, second] = HEAPS;
  console.log(`Columns: ${first.name}: bare, sidecar, ratio | ${second.name}: bare, sidecar, ratio`);
  const rows = LINES.map((line): Row => {
    if (typeof line === "string") return [line];
    const [name, label, digits] = line;
    return [label, ...HEAPS.flatMap((heap) => compared(figures, heap.name, name, digits))];
  });
  printTable([["", "bare", "sidecar", "ratio", "| bare", "sidecar", "ratio"], ...rows]);
}

function compared(figures: Figures, heap: string, name: string, digits: number): readonly string[] {
  const [bare, ours] = [figures.median(`bare, ${heap}`, name), figures.median(`sidecar, ${heap}`, name)];
  return [bare.toFixed(digits), ours.toFixed(digits), (ours / bare).toFixed(2)];
}

/** The ratios to both bare servers, because the aim does not say which one. */
export function printAims(figures: Figures): void {
  const heap = HEAPS[1].name;
  const ours = (name: string): number => figures.median(`sidecar, ${heap}`, name);
  const over = (bare: string, label: string): readonly Row[] => {
    const ratio = (name: string, of = name): number => ours(name) / figures.median(bare, of);
    return [
      [`Over a bare server that ${label}`],
      aim("  private memory, idle", ratio("idleAnon"), AIM.privateMemory),
      aim(`  private memory, after ${REQUESTS} requests`, ratio("afterAnon"), AIM.privateMemory),
      aim("  ready over listening", ratio("readyMs", "listeningMs"), AIM.ready),
      aim("  ready over ready", ratio("readyMs"), AIM.ready),
    ];
  };
  console.log(`\nAims, for the sidecar with ${heap}`);
  printTable([
    ["", "is", "aim", ""],
    ...over(`bare, ${heap}`, "requires node:http"),
    ...over("bare, imports", "imports node:http, and undici with it"),
    [`p99 at ${PACED.rate} a second`],
    aim("  ms", ours("pacedP99"), AIM.p99Ms),
  ]);
}

const aim = (what: string, is: number, most: number): Row => [
  what,
  is.toFixed(2),
  most.toFixed(2),
  is <= most ? "met" : "MISSED",
];

interface Output {
  readonly bytes: number;
  readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: boolean }[];
}

/** Sizes from esbuild's metafile: `dist` may contain files of an older build. */
export async function printSize(): Promise<void> {
  const { outputs, needed } = await bundle();
  const code = Object.entries(outputs).filter(([path]) => path.endsWith(".mjs"));
  const kb = (bytes: number): string => `${Math.round(bytes / 1024)} KB`;
  const total = code.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  const atStart = needed.reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
  console.log(
    `\nBundle: ${kb(total)} in ${code.length} files; serve imports ${kb(atStart)} in ${needed.length} at its start`,
  );
}

/** Node's modules that `serve` imports statically. */
export async function importsOfServe(): Promise<readonly string[]> {
  const { outputs, needed } = await bundle();
  const imported = needed
    .flatMap((path) => outputs[path]?.imports ?? [])
    .filter(({ external, kind }) => external === true && kind === "import-statement");
  return [...new Set(imported.map(({ path }) => `node:${path.replace(/^node:/, "")}`))].toSorted();
}

/** The outputs of the last build, and those that `serve` imports statically. */
async function bundle(): Promise<{
  readonly outputs: Readonly<Record<string, Output>>;
  readonly needed: readonly string[];
}> {
  const { outputs } = JSON.parse(await readFile(join(DIST, "sidecar.meta.json"), "utf8")) as {
    outputs: Record<string, Output>;
  };
  const serve = Object.keys(outputs).find((path) => basename(path).startsWith("serve-main-")) ?? "";
  return { outputs, needed: [...reached(outputs, serve, new Set())] };
}

/** Static imports, without those on demand. */
function reached(outputs: Readonly<Record<string, Output>>, path: string, seen: Set<string>): Set<string> {
  if (seen.has(path) || outputs[path] === undefined) return seen;
  seen.add(path);
  for (const { path: next, kind } of outputs[path].imports) {
    if (kind === "import-statement") reached(outputs, next, seen);
  }
  return seen;
}
