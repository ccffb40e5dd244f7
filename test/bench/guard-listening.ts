/** Until the sidecar listens: guard and sidecar one after the other, as two containers run them, or in one process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { ENV } from "../../sidecar/contract/env.ts";
import { CREDENTIALS_PORT } from "../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { SIDECAR, type Subject } from "./sidecar-subjects.ts";

type Env = Readonly<Record<string, string | undefined>>;

const as = (capabilities: string, ...more: readonly string[]): readonly string[] => [
  "setpriv",
  "--inh-caps=-all",
  `--bounding-set=-all${capabilities}`,
  "--no-new-privs",
  ...more,
  process.execPath,
  SIDECAR,
];
const GUARD = [...as(",+net_admin"), "guard"];
const SERVE = [...as("", `--reuid=${SIDECAR_UID}`, `--regid=${SIDECAR_UID}`, "--clear-groups"), "serve"];
const BOTH = [...as(",+net_admin,+setuid,+setgid"), "guard-and-serve"];

/** What is measured, in milliseconds from exec. @param guard the guard's variables */
export function untilListening(
  guard: Env,
  sidecar: Subject,
): Readonly<Record<string, () => Promise<number>>> {
  const env = {
    ...sidecar.env,
    ...guard,
    [ENV.sidecarUid]: String(SIDECAR_UID),
    [ENV.sidecarPorts]: String(CREDENTIALS_PORT),
    [ENV.start]: "now",
  };
  return {
    "guard, then sidecar listens": async () =>
      (await until(GUARD, env, "exit")) + (await until(SERVE, env, "listening")),
    "both in one process": () => until(BOTH, env, "listening"),
  };
}

async function until(
  [program = "", ...args]: readonly string[],
  env: Env,
  what: "exit" | "listening",
): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { env: { ...env }, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  let said = "";
  const listening = new Promise<void>((resolve) => {
    child.stderr.on("data", (part: Buffer) => {
      said += part.toString();
      if (said.includes('"msg":"listening"')) resolve();
    });
  });
  await Promise.race([ended, ...(what === "exit" ? [] : [listening])]);
  const ms = performance.now() - started;
  if (what === "exit" ? child.exitCode !== 0 : child.exitCode !== null)
    throw new Error(`${args.join(" ")}: ${said}`);
  child.kill("SIGKILL");
  await ended;
  return ms;
}
