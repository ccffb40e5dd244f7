/**
 * What a sidecar costs its pod, beside the smallest Node server: a bare `http.createServer` that answers the same bytes and
 * calls nobody. One sidecar calls STS, and one asks the broker. All have the image's settings. STS and the broker are stand-ins over
 * TLS, see sidecar-sts.ts and sidecar-broker.ts. Everything is started again
 * in turns, so that a busy minute of the machine affects all alike; medians are shown. Private memory hardly depends on
 * the machine; times do, so the ratio to the bare server says more on one that is shared. PSS is less than it would be
 * where other programs run the same file of Node.
 *
 *     npm run bench:sidecar        takes three to four minutes
 */
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { helper } from "./sidecar-children.ts";
import { createFigures, printTable, type Figures, type Row } from "./sidecar-figures.ts";
import {
  ENDURANCE,
  measureEndurance,
  measureLoad,
  measureStart,
  measureTogether,
  measureWait,
  type Bench,
} from "./sidecar-measure.ts";
import { bareServer, run, sidecarAskingBroker, sidecarBeside, type Subject } from "./sidecar-subjects.ts";

const STARTS = 15;
const ROUNDS = 3;
const LOADS = 2;

/** Name, description and goal of each figure that the bare server has too. */
const LINES: readonly (readonly [name: string, label: string, goal?: number])[] = [
  ["pssMb", "PSS with ten on a node, MB", 14],
  ["privateMb", "private memory, MB", 11.5],
  ["listeningMs", "exec to the first accepted connection, ms"],
  ["readyMs", "exec to the first answer 200, ms", 80],
  ["startCpuMs", "CPU until then, ms"],
  ["p50", "p50 of an answer at 1,000 a second, ms"],
  ["p99", "p99 of it, ms", 1],
  ["waitMs", "hook `wait`, exec to exit, ms (bare: an empty file)", 25],
];

const directory = await mkdtemp(join(tmpdir(), "podrole-bench-"));
process.once("exit", () => rmSync(directory, { recursive: true }));
await main();
// Otherwise the channels to the child processes would keep this process running.
process.exit();

async function main(): Promise<void> {
  const from = performance.now();
  console.log(`Node ${process.version}, ${availableParallelism()} CPUs, loopback only, TLS to STS\n`);
  const token = "web.identity.token";
  const sts = helper("./sidecar-sts.ts", [token]);
  const bench: Bench = { load: helper("./sidecar-load.ts"), sts, figures: createFigures() };
  const ours = await sidecarBeside(sts, directory, token);
  const sample = await run(ours);
  await sample.stop();
  const broker = await sidecarAskingBroker(helper("./sidecar-broker.ts"), directory);
  const subjects = [await bareServer(directory, sample.body), ours, broker];
  const empty = join(directory, "empty.cjs");
  await writeFile(empty, "");

  await inTurns(STARTS, subjects, (subject) => measureStart(subject, bench));
  await inTurns(ROUNDS, subjects, (subject) => measureTogether(subject, bench));
  await inTurns(LOADS, subjects, (subject) => measureLoad(subject, bench));
  await measureWait(ours, empty, STARTS, bench);
  await measureEndurance(ours, bench);
  print(bench.figures);
  console.log(`\n${Math.round((performance.now() - from) / 1000)} s in all`);
}

async function inTurns(
  rounds: number,
  subjects: readonly Subject[],
  measure: (subject: Subject) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) await measure(subject);
  }
}

function print(figures: Figures): void {
  const digits = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
  const verdict = (is: number, goal: number | undefined): string =>
    goal === undefined ? "" : is <= goal ? "met" : "MISSED";
  const lines = LINES.map(([name, label, goal]): Row => {
    const bare = figures.median("bare", name);
    const cells = ["sidecar", "broker"].flatMap((subject) => {
      const is = figures.median(subject, name);
      return Number.isNaN(is) ? ["", "", ""] : [digits(is), (is / bare).toFixed(2), verdict(is, goal)];
    });
    return [label, digits(bare), ...cells, goal === undefined ? "" : String(goal)];
  });
  const of = (name: string): number => figures.median("endurance", name);
  const { requests, refreshes } = ENDURANCE;
  const label = `private memory after ${requests} requests and ${refreshes} refreshes, of idle`;
  printTable([
    ["", "bare", "sidecar", "ratio", "", "source broker", "ratio", "", "goal"],
    ...lines,
    [label, "", "", digits(of("ratio")), verdict(of("ratio"), 1.3), "", "", "", "1.3"],
  ]);
  const [idle, busy, settled] = ["idleMb", "busyMb", "settledMb"].map((name) => digits(of(name)));
  console.log(
    `\nThe last line's MB, with ten identities: idle ${idle}, at the end ${busy}, settled ${settled}`,
  );
}
