/**
 * Measures the sidecar's cost for a pod, next to the smallest Node server: a bare `http.createServer` that answers
 * the same bytes. All are started again in turn for every round, and the medians are shown.
 *
 *     npm run build && node test/bench/sidecar.ts            the table, about 80 s
 *     npm run build && node test/bench/sidecar.ts --tricks   what each of Node's other offers would bring, about 70 s
 *     npm run build && node test/bench/sidecar.ts --layers   where the memory and the start go, about 30 s
 */
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ENV } from "../../sidecar/contract/env.ts";
import { helper } from "./sidecar-children.ts";
import { createFigures, printTable, type Figures, type Row } from "./sidecar-figures.ts";
import {
  HEAPS,
  IMAGE_ENV,
  lifetimeMs,
  measureLoad,
  measurePaced,
  measureStart,
  STARTS,
  type Bench,
} from "./sidecar-measure.ts";
import { layers, measureLayer, printLayers } from "./sidecar-layers.ts";
import { printAims, printFigures, printSize } from "./sidecar-report.ts";
import { bareServer, run, SIDECAR, sidecar, TOKEN, type Subject } from "./sidecar-subjects.ts";
import { TRICKS } from "./sidecar-tricks.ts";

const ROUNDS = 3;
const TRICK_ROUNDS = 2;
const LAYER_ROUNDS = 7;

const { values } = parseArgs({ options: { tricks: { type: "boolean" }, layers: { type: "boolean" } } });
const directory = await mkdtemp(join(tmpdir(), "podrole-bench-"));
process.once("exit", () => rmSync(directory, { recursive: true }));
await main(values.layers === true ? benchLayers : values.tricks === true ? benchTricks : benchBoth);
// Otherwise the channels to the child processes would keep this process running.
process.exit();

async function main(measure: (sidecar: Subject, bench: Bench) => Promise<void>): Promise<void> {
  const from = performance.now();
  console.log(`Node ${process.version}, ${availableParallelism()} CPUs, loopback only`);
  const bench = { directory, load: helper("./sidecar-load.ts"), figures: createFigures() };
  await measure(await sidecarSubject(), bench);
  console.log(`\n${Math.round((performance.now() - from) / 1000)} s in all`);
}

async function sidecarSubject(): Promise<Subject> {
  const token = "web.identity.token";
  const [file, appFile] = [join(directory, "token"), join(directory, "app-token")];
  await writeFile(file, token);
  await writeFile(appFile, TOKEN);
  return sidecar(String(await helper("./sidecar-sts.ts", [token]).ask()), file, appFile);
}

async function benchBoth(plain: Subject, bench: Bench): Promise<void> {
  const sample = await run(plain);
  await sample.stop();
  const bare = await bareServer("bare", directory, sample.body);
  const subjects = HEAPS.flatMap(({ name, env }) =>
    [bare, plain].map((one) => ({ ...one, name: `${one.name}, ${name}`, env: { ...one.env, ...env } })),
  );
  await inTurns(STARTS, subjects, (subject) => measureStart(subject, bench.figures));
  await inTurns(ROUNDS, subjects, async (subject) => {
    const running = await measureLoad(subject, bench);
    await measurePaced(subject, running, bench);
    await running.stop();
  });
  const imports = await bareServer("bare, imports", directory, sample.body);
  await measureOther({ ...imports, env: { ...imports.env, ...IMAGE_ENV } }, bench);
  await measureWait(plain, bench.figures);
  console.log(`Medians of ${STARTS} starts, and of ${ROUNDS} rounds for memory and load\n`);
  printFigures(bench.figures);
  await printSize();
  printAims(bench.figures);
}

/** Used only for the aims. */
async function measureOther(subject: Subject, bench: Bench): Promise<void> {
  await inTurns(STARTS, [subject], (one) => measureStart(one, bench.figures));
  await inTurns(ROUNDS, [subject], async (one) => (await measureLoad(one, bench)).stop());
}

/** In turn, so that a busy minute of the machine affects all subjects alike. */
async function inTurns(
  rounds: number,
  subjects: readonly Subject[],
  measure: (subject: Subject) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) await measure(subject);
  }
}

/** The postStart hook with a ready sidecar, next to Node's time for an empty file. */
async function measureWait(subject: Subject, figures: Figures): Promise<void> {
  const empty = join(directory, "empty.mjs");
  await writeFile(empty, "");
  const running = await run(subject);
  for (let round = 0; round < STARTS; round += 1) {
    for (const { name, env } of HEAPS) {
      const port = { [ENV.healthPort]: String(running.healthPort) };
      figures.add(`bare, ${name}`, { waitMs: await lifetimeMs([empty], env) });
      figures.add(`sidecar, ${name}`, { waitMs: await lifetimeMs([SIDECAR, "wait"], { ...env, ...port }) });
    }
  }
  await running.stop();
}

async function benchTricks(plain: Subject, bench: Bench): Promise<void> {
  const subjects = TRICKS.map(({ name, flags = [], env = {} }) => ({
    name,
    args: [...flags, ...plain.args],
    env: { ...plain.env, ...IMAGE_ENV, ...withDirectory(env) },
  }));
  // The first run writes the cache at its end.
  await inTurns(1, subjects, async (subject) => (await run(subject)).stop());
  await inTurns(STARTS, subjects, (subject) => measureStart(subject, bench.figures));
  await inTurns(TRICK_ROUNDS, subjects, async (subject) => (await measureLoad(subject, bench)).stop());
  console.log(`serve with the image's settings and one more offer`);
  console.log(`Medians of ${STARTS} starts, and of ${TRICK_ROUNDS} rounds for memory and load\n`);
  printTricks(bench.figures);
}

async function benchLayers(plain: Subject, { figures }: Bench): Promise<void> {
  const sample = await run(plain);
  await sample.stop();
  const all = await layers(directory, await bareServer("bare", directory, sample.body), plain);
  const subjects = all.map((one) => ({ ...one, env: { ...one.env, ...IMAGE_ENV } }));
  await inTurns(LAYER_ROUNDS, subjects, (subject) => measureLayer(subject, figures));
  console.log(`Medians of ${LAYER_ROUNDS} starts with the image's settings\n`);
  printLayers(
    subjects.map(({ name }) => name),
    figures,
  );
}

function withDirectory(env: Readonly<Record<string, string>>): Record<string, string> {
  const filled = Object.entries(env).map(([name, value]) => [name, value.replace("{directory}", directory)]);
  return Object.fromEntries(filled);
}

function printTricks(figures: Figures): void {
  printTable([
    ["", "ready ms", "idle MB", "loaded MB", "CPU µs", "requests/s", "p99.9 ms"],
    ...TRICKS.map(({ name }): Row => {
      const of = (figure: string, digits: number): string => figures.median(name, figure).toFixed(digits);
      return [
        name,
        of("readyMs", 0),
        of("idleAnon", 1),
        of("afterAnon", 1),
        of("cpuUs", 0),
        of("fullPerSecond", 0),
        of("fullP999", 1),
      ];
    }),
  ]);
}
