/**
 * How long the guard holds up the start of a pod: from exec to exit, in a network namespace of the benchmark's own with
 * one interface and a route to the metadata service. Both modes side by side: mode verify where the address refuses at once,
 * where it is silent, and where EC2's hop limit is 1. Beside them, what is not the guard's to change: Node
 * that does nothing, and one run of nft. Then the CPU of a pod's whole start: the guard, the sidecar until it is ready, and the hook
 * beside it, by the kernel's count of ended children. All in turns, medians shown. Needs root.
 *
 *     npm run bench:guard [-- --rounds 30]
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SIDECAR_IMAGE_ENV } from "../support/image-env.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { untilListening } from "./guard-listening.ts";
import { helper, start } from "./sidecar-children.ts";
import { ascending, median, printTable, quantile } from "./sidecar-figures.ts";
import { run, SIDECAR, sidecarBeside, type Subject } from "./sidecar-subjects.ts";

const GUARD_GOAL_MS = 90;
const START_GOAL_CPU_MS = 250;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
const IP = "ip";
const space = `podrole-bench-${process.pid}`;
const node = `${space}-node`;

/** Of the addresses for documentation. Packets to these are dropped. */
const SILENT = ["192.0.2.10", "2001:db8::10"];
/** The namespace's own. */
const HOP_LIMIT_1 = ["192.0.2.20", "2001:db8::20"];
/** At the other end of the link: a refusal of the namespace's own would be no proof. */
const REFUSED = ["192.0.2.30", "2001:db8::30"];

const GUARD = [process.execPath, SIDECAR, "guard"];
const verifying = (addresses: readonly string[]): readonly string[] => [
  "env",
  `${ENV.blockedAddresses}=${addresses.join(",")}`,
  process.execPath,
  SIDECAR,
  "verify",
];
const BLOCKING = "podrole-sidecar guard";
const SUBJECTS = {
  "node -e 0": [process.execPath, "-e", "0"],
  "nft list ruleset": ["nft", "list", "ruleset"],
  "podrole-sidecar --help": [process.execPath, SIDECAR, "--help"],
  [BLOCKING]: GUARD,
  "the same, emulating": ["env", `${ENV.imds}=emulate`, ...GUARD],
  "podrole-sidecar verify, refused at once": verifying(REFUSED),
  "podrole-sidecar verify, silent": verifying(SILENT),
  "podrole-sidecar verify, hop limit 1": verifying(HOP_LIMIT_1),
};

const env = {
  ...SIDECAR_IMAGE_ENV,
  PATH: process.env["PATH"],
  [ENV.blockedAddresses]: METADATA_ADDRESSES.join(","),
  [ENV.podIp]: "10.90.0.2",
  [ENV.hostIp]: "10.0.0.1",
};

if (process.env["PODROLE_BENCH_INSIDE"] === undefined) insideOwnNetwork();
else await measure();

/** The whole benchmark enters the namespace, so that entering it is not part of the measurement. */
function insideOwnNetwork(): void {
  must(IP, "netns", "add", space);
  must(IP, "netns", "add", node);
  try {
    for (const line of [
      "link set lo up",
      `link add eth0 type veth peer name peer netns ${node}`,
      "link set eth0 up",
      "address add 10.90.0.2/24 dev eth0",
      "address add fd90::2/64 dev eth0 nodad",
      "route add default via 10.90.0.1",
      "-6 route add default via fd90::1",
      ...HOP_LIMIT_1.map((address) => `address add ${address} dev lo`),
    ]) {
      must(IP, "-n", space, ...line.split(" "));
    }
    for (const line of [
      "link set lo up",
      "link set peer up",
      "address add 10.90.0.1/24 dev peer",
      "address add fd90::1/64 dev peer nodad",
      ...REFUSED.map((address) => `address add ${address} dev lo`),
    ]) {
      must(IP, "-n", node, ...line.split(" "));
    }
    must(IP, "netns", "exec", space, "nft", dropping(SILENT));
    const inside = ["netns", "exec", space, process.execPath, ...process.argv.slice(1)];
    const { status } = spawnSync(IP, inside, {
      stdio: "inherit",
      env: { ...process.env, PODROLE_BENCH_INSIDE: "1" },
    });
    process.exitCode = status ?? 1;
  } finally {
    must(IP, "netns", "del", space);
    must(IP, "netns", "del", node);
  }
}

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

function dropping(addresses: readonly string[]): string {
  const rules = addresses.map((address) => `${address.includes(":") ? "ip6" : "ip"} daddr ${address} drop`);
  return `table inet silent { chain output { type filter hook output priority 0; ${rules.join("; ")}; }; }`;
}

/** To the guard, hop limit 1 is a GET that is refused and a PUT that gets no answer. */
async function standIn(): Promise<void> {
  const server = createServer((socket) => {
    socket
      .on("error", () => undefined)
      .once("data", (request) => {
        if (request.toString("latin1").startsWith("GET ")) socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
      });
  });
  await once(server.listen(80, "::"), "listening");
}

async function measure(): Promise<never> {
  await standIn();
  const directory = mkdtempSync(join(tmpdir(), "podrole-bench-"));
  process.once("exit", () => rmSync(directory, { recursive: true }));
  const sidecar = await sidecarBeside(
    helper("./sidecar-sts.ts", ["web.identity.token"]),
    directory,
    "web.identity.token",
  );
  const listening = untilListening(env, sidecar);
  const measured = { ...SUBJECTS, ...listening };
  const times = new Map<string, number[]>(Object.keys(measured).map((name) => [name, []]));
  const starts: number[] = [];
  // The first round fills the caches and is not counted.
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, argv] of Object.entries(SUBJECTS)) {
      const ms = await lifetimeMs(argv);
      if (round >= 0) times.get(name)?.push(ms);
    }
    for (const [name, ms] of Object.entries(listening)) {
      const took = await ms();
      if (round >= 0) times.get(name)?.push(took);
    }
    const cpuMs = await cpuOfStart(sidecar);
    if (round >= 0) starts.push(cpuMs);
  }
  report(times, starts);
  process.exit();
}

/** The time from exec to exit, as the container runtime sees it. */
async function lifetimeMs([program = "", ...args]: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  const [code]: unknown[] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${String(code)}`);
  return performance.now() - started;
}

/** The CPU that a pod's start takes: guard, then sidecar and hook. The sidecar ends when it is ready, before its idle work. */
async function cpuOfStart(sidecar: Subject): Promise<number> {
  const before = cpuOfChildrenMs();
  await lifetimeMs(GUARD);
  const running = await run(sidecar);
  const hook = start([SIDECAR, "wait"], {
    ...SIDECAR_IMAGE_ENV,
    [ENV.healthPort]: String(running.healthPort),
  });
  await hook.exited;
  await running.stop();
  return cpuOfChildrenMs() - before;
}

/** Of children that have ended, and theirs: nft's too. Linux reports hundredths of a second. */
function cpuOfChildrenMs(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function report(times: ReadonlyMap<string, readonly number[]>, starts: readonly number[]): void {
  const ms = (value: number): string => value.toFixed(0);
  const ofBlocking = median(times.get(BLOCKING) ?? []);
  const goal = (is: number, most: number): readonly string[] => [ms(most), is <= most ? "met" : "MISSED"];
  const rows = [...times].map(([name, all]) => {
    const sorted = ascending(all);
    const figures = [0.5, 0.1, 0.9].map((share) => ms(quantile(sorted, share)));
    return [
      name,
      ...figures,
      `${(median(all) / ofBlocking).toFixed(2)}x`,
      ...(name === BLOCKING ? goal(median(all), GUARD_GOAL_MS) : ["", ""]),
    ];
  });
  printTable([
    ["exec to exit, ms", "median", "fastest tenth", "slowest tenth", "of mode block's", "goal", ""],
    ...rows,
    ["CPU of a pod's start, ms"],
    [
      "guard, sidecar until ready, hook",
      ms(median(starts)),
      "",
      "",
      "",
      ...goal(median(starts), START_GOAL_CPU_MS),
    ],
  ]);
  console.log(`\n${rounds} rounds on ${availableParallelism()} cores, Node ${process.versions.node}.`);
}
