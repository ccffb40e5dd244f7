import { readdirSync, readFileSync } from "node:fs";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { ENV } from "../../sidecar/contract/env.ts";
import { CREDENTIALS_PORT, IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { sidecarEnv } from "../support/sidecar-env.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { collect, type Ended } from "./command.ts";
import { bounded, guardEnv } from "./guard-run.ts";
import { file, type Lab } from "./lab.ts";

type Env = Readonly<Record<string, string | undefined>>;

const PROGRAM = [process.execPath, file("../../sidecar/main.ts")];

/** Like the container that is guard and sidecar: uid 0 with what it takes to be both, and no new privileges. */
export const AS_BOTH = bounded("+net_admin,+setuid,+setgid");

/** Its variables, as the injector writes them, in a pod that starts without waiting for STS. */
export const togetherEnv = (lab: Lab, over: Env = {}): Env => ({
  ...sidecarEnv(),
  ...guardEnv(lab),
  [ENV.sidecarUid]: String(SIDECAR_UID),
  [ENV.sidecarPorts]: `${CREDENTIALS_PORT},${IMDS_PORT}`,
  [ENV.start]: "now",
  ...over,
});

export interface Together {
  readonly pid: number;
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Whether it listens: false when it has ended instead. */
  readonly listens: Promise<boolean>;
  /** Ends it, as the kernel's memory limit would. */
  readonly kill: () => Promise<Ended>;
}

/** The real program as its own process; `ip`, `setpriv` and `env` become it one after the other, so it has their pid. */
export function startTogether(
  lab: Lab,
  over: Env = {},
  as: readonly string[] = AS_BOTH,
  command = "guard-and-serve",
): Together {
  const env = Object.entries(togetherEnv(lab, over)).map(([name, value]) => `${name}=${value ?? ""}`);
  const child = lab.startInPod([...as, "/usr/bin/env", "-i", ...env, ...PROGRAM, command]);
  const ended = collect(child);
  const listening = new Promise<boolean>((resolve) => {
    let said = "";
    child.stderr.on("data", (part: Buffer) => {
      said += part.toString();
      if (said.includes('"msg":"listening"')) resolve(true);
    });
  });
  const listens = Promise.race([listening, ended.then(() => false)]);
  const kill = (): Promise<Ended> => {
    child.kill("SIGKILL");
    return ended;
  };
  return { pid: child.pid ?? 0, child, ended, listens, kill };
}

/** Lines of a process's status, of each of its threads. */
export const rightsOf = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")
      .split("\n")
      .filter((line) => /^(?:Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs):/.test(line))
      .map((line) => line.trim().replaceAll(/\s+/g, " "))
      .join("\n"),
  );

export const NO_RIGHTS = [
  `Uid: ${`${SIDECAR_UID} `.repeat(4).trim()}`,
  `Gid: ${`${SIDECAR_UID} `.repeat(4).trim()}`,
  "Groups:",
  ...["CapInh", "CapPrm", "CapEff"].map((name) => `${name}: 0000000000000000`),
  "CapAmb: 0000000000000000",
  "NoNewPrivs: 1",
].join("\n");
