/**
 * What the injector costs as a process: CPU of its start, and private memory when idle and after a burst of reviews. It runs
 * with the image's variables, in a namespace where a service account is mounted as in a pod.
 *
 *     npm run bench:injector-process [-- BUNDLE...]
 *
 * Given bundles of other trees (their dist/injector.mjs) are measured in turn with this one.
 */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";
import { servingFiles } from "./serving-files.ts";
import {
  BACK_AFTER_MS,
  burst,
  IDLE_AFTER_MS,
  mountAccount,
  privateMib,
  startInjector,
  type ApiServer,
} from "./injector-child.ts";
import { smallCluster } from "./large-cluster.ts";
import { startCpuMs } from "./sidecar-children.ts";
import { createFigures, printTable } from "./sidecar-figures.ts";

const ROUNDS = 3;
const LOAD = { connections: 64, reviews: 6000 };

const { files, pair } = await servingFiles();
const api = createServer(pair, smallCluster());
await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
const apiServer: ApiServer = { port: (api.address() as AddressInfo).port, ca: files.ca, token: "token" };
mountAccount(apiServer);

const ours = fileURLToPath(new URL("../../dist/injector.mjs", import.meta.url));
const bundles = [...process.argv.slice(2), ours];
const measured = createFigures();
for (let round = 0; round < ROUNDS; round += 1)
  for (const bundle of bundles) measured.add(bundle, await measure(bundle));

const LINES = [
  ["startCpuMs", "CPU of a start, ms"],
  ["idle", "private memory when idle, MiB"],
  ["burst", `  at the end of ${LOAD.reviews} reviews over ${LOAD.connections} connections`],
  ["back", `  ${BACK_AFTER_MS / 1000} s later`],
  ["cpuMs", "CPU of a review in this burst, ms"],
  ["secondCpuMs", "  in another burst after that, ms"],
] as const;
printTable([
  ["", ...bundles],
  ...LINES.map(([name, label]) => [
    label,
    ...bundles.map((bundle) => measured.median(bundle, name).toFixed(2)),
  ]),
]);
process.exit(0);

async function measure(bundle: string): Promise<Record<string, number>> {
  const port = await freePort();
  const program = await startInjector(bundle, port, files, apiServer);
  const startCpu = await startCpuMs(program.pid);
  await delay(IDLE_AFTER_MS);
  const idle = privateMib(program.pid);
  const cpuMs = await burst(program, port, files.ca, LOAD);
  const after = privateMib(program.pid);
  await delay(BACK_AFTER_MS);
  const back = privateMib(program.pid);
  const secondCpuMs = await burst(program, port, files.ca, LOAD);
  await program.stop();
  return { startCpuMs: startCpu, idle, burst: after, back, cpuMs, secondCpuMs };
}
