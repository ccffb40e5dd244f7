import { table, type Figures } from "./figures.ts";
import { brokerProcess } from "./process.ts";
import { MINUTE, SECOND, world, type Row, type World } from "./timeline.ts";

/**
 * `npm run simulate:broker [pods]`. Real code of the broker and of the sidecars' engines in virtual time, with stand-ins for STS, API
 * server and network; then a real broker process, over TLS. Ends with 1 if a session expired that could have been renewed.
 */

// Half of the time would go into stacks that nobody reads.
Error.stackTraceLimit = 0;

const PODS = Number(process.argv[2] ?? 10_000);
const columns: (readonly [string, Figures])[] = [];
let needless = 0;
const done = (name: string, row: Row): void => {
  needless += row.needless;
  columns.push([name, row.figures]);
  console.error(`${name}: after ${Math.round(performance.now() / 1000)} s`);
};

/** All pods are created at once. Others of the account may take most of the quota. */
for (const [name, wish, isOneCutOff] of [
  ["cold at once", {}, false],
  ["with 100 calls/s", { quotaPerSecond: 100 }, false],
  ["90 % in one namespace", { inLargest: Math.ceil(PODS * 0.9) }, false],
  ["one broker cut off", {}, true],
] as const) {
  const cold = await world(PODS, wish);
  cold.brokers.cutOffOldest(isOneCutOff);
  cold.pods.start(SECOND);
  await cold.pass(20 * MINUTE, "all served");
  done(name, cold.row());
  cold.close();
}

const { brokers, cluster, pass, row, close } = await ofAllAges(PODS);
await pass(60 * MINUTE);
done("steady hour", row());
for (const add of [brokers.add, brokers.add]) {
  void add();
  await pass(MINUTE);
  brokers.killOldest();
  await pass(2 * MINUTE);
}
done("rolling restart", row());
cluster.slowMs = 2000;
await pass(45 * MINUTE);
done("slow API server", row());
close();

// Pods that are refused ask some thirty times as often: with all of them, this alone would take a minute more.
const FEWER = Math.ceil(PODS / 2);
const troubled = await ofAllAges(FEWER);
await troubled.outage(60 * MINUTE);
done(`STS out, ${FEWER} pods`, troubled.row());
await troubled.pass(10 * MINUTE, "all served");
done("STS back", troubled.row());
troubled.close();
console.log(`${PODS} pods and two brokers in virtual time:\n\n${table(columns)}\n`);

const real = await brokerProcess(PODS);
console.log(`One broker as a process, over TLS:\n\n${table([["", real.figures]])}`);
await real.stop();
process.exit(needless > 0 ? 1 : 0);

/** A cluster whose pods were started over as long as a session is used. */
async function ofAllAges(count: number): Promise<World> {
  const made = await world(count);
  made.pods.start(37 * MINUTE);
  await made.pass(40 * MINUTE);
  made.row();
  return made;
}
