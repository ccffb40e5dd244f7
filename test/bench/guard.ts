/**
 * How long the guard holds up the start of a pod: from exec to exit, in a network namespace of the benchmark's own with
 * one interface and a route to the metadata service. Beside it, what is not the guard's to change: Node that does
 * nothing, and one run of nft. All in turns, medians shown. Needs root.
 *
 *     npm run bench:guard [-- --rounds 30]
 */
import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { ENV } from "../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";

const AIM_MS = 150;
/** The image sets this variable for every process of the pod. */
const NODE_OPTIONS = "--max-semi-space-size=1 --max-old-space-size=64";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
const IP = "ip";
const space = `podrole-bench-${process.pid}`;

const BUNDLE = new URL("../../dist/sidecar.cjs", import.meta.url).pathname;
const SUBJECTS = {
  "node -e 0": [process.execPath, "-e", "0"],
  "nft list ruleset": ["nft", "list", "ruleset"],
  "podrole-sidecar --help": [process.execPath, BUNDLE, "--help"],
  "podrole-sidecar guard": [process.execPath, BUNDLE, "guard"],
  "the same, emulating": ["env", `${ENV.imds}=emulate`, process.execPath, BUNDLE, "guard"],
};

const env = {
  PATH: process.env["PATH"],
  NODE_OPTIONS,
  [ENV.blockedAddresses]: METADATA_ADDRESSES.join(","),
  [ENV.podIp]: "10.90.0.2",
  [ENV.hostIp]: "10.0.0.1",
};

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

/** The time from exec to exit, as the container runtime sees it. */
async function once([program = "", ...args]: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${String(code)}`);
  return performance.now() - started;
}

function quantile(times: readonly number[], part: number): string {
  const at = Math.min(times.length - 1, Math.floor(times.length * part));
  return `${(times.toSorted((a, b) => a - b)[at] ?? 0).toFixed(0)} ms`;
}

if (process.env["PODROLE_BENCH_INSIDE"] === undefined) {
  // The whole benchmark enters the namespace, so that entering it is not part of the measurement.
  must(IP, "netns", "add", space);
  try {
    for (const line of [
      "link set lo up",
      "link add eth0 type veth peer name peer",
      "link set eth0 up",
      "link set peer up",
      "address add 10.90.0.2/24 dev eth0",
      "address add fd90::2/64 dev eth0 nodad",
      "route add default via 10.90.0.1",
      "-6 route add default via fd90::1",
    ]) {
      must(IP, "-n", space, ...line.split(" "));
    }
    const inside = ["netns", "exec", space, process.execPath, ...process.argv.slice(1)];
    const { status } = spawnSync(IP, inside, {
      stdio: "inherit",
      env: { ...process.env, PODROLE_BENCH_INSIDE: "1" },
    });
    process.exitCode = status ?? 1;
  } finally {
    must(IP, "netns", "del", space);
  }
} else {
  const times = new Map<string, number[]>(Object.keys(SUBJECTS).map((name) => [name, []]));
  // The first round fills the caches and is not counted.
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, argv] of Object.entries(SUBJECTS)) {
      const ms = await once(argv);
      if (round >= 0) times.get(name)?.push(ms);
    }
  }
  const rows = [...times].map(([name, all]) => [
    name,
    quantile(all, 0.5),
    quantile(all, 0.1),
    quantile(all, 0.9),
  ]);
  const table = [["exec to exit", "median", "fastest tenth", "slowest tenth"], ...rows];
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell) => cell.padEnd(24))
        .join("")
        .trimEnd()}\n`,
    );
  process.stdout.write(
    `\n${rounds} rounds on ${availableParallelism()} cores, Node ${process.versions.node}. The aim is ${AIM_MS} ms.\n`,
  );
}
