import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { gidOfSidecar, uidOfSidecar } from "../../injector/model/own-form.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { facts } from "../support/facts.ts";
import { startedWith } from "../support/kubelet.ts";
import { containerNamed, injected } from "../support/pods.ts";
import { tempFolder } from "../support/temp-files.ts";
import { collect, type Ended } from "./command.ts";
import { runGuard } from "./guard-run.ts";
import { file, type Lab } from "./lab.ts";
import { AS_BOTH } from "./together-run.ts";

const STS_PORT = 4566;
const STS = fileURLToPath(new URL("./sts.ts", import.meta.url));
const AS = fileURLToPath(new URL("./sidecar-as.ts", import.meta.url));
const WEB_TOKEN = "header.payload.signature";

/** Starts an STS at the other end of the pod's link. */
export function startSts(lab: Lab): Promise<void> {
  const child = lab.startInNode([process.execPath, STS, String(STS_PORT), WEB_TOKEN]);
  const ended = collect(child).then(({ stderr }) => Promise.reject(new Error(`the STS ended: ${stderr}`)));
  ended.catch(() => undefined);
  return Promise.race([new Promise<void>((resolve) => child.stdout.once("data", () => resolve())), ended]);
}

export interface Started {
  /** True once it holds credentials, which is when the app may start; false when it has ended without. */
  readonly holds: Promise<boolean>;
  readonly ended: Promise<Ended>;
}

/**
 * Runs guard and sidecar as podrole writes them into the pod: same variables, uid and gid.
 * @param host of the STS
 * @param over variables, and the sidecar's gid if it is to have another
 */
export async function startOurs(
  lab: Lab,
  pod: Pod,
  settings: InjectorConfig,
  host: string,
  over: { readonly env?: Readonly<Record<string, string>>; readonly gid?: number } = {},
): Promise<Started> {
  const one = injected(pod, facts(), settings);
  const sidecar = containerNamed(one, CONTAINER.sidecar);
  const uid = uidOfSidecar(sidecar);
  const gid = over.gid ?? gidOfSidecar(sidecar) ?? uid;
  const around = {
    [ENV.webIdentityTokenFile]: tokenFile(),
    [ENV.stsEndpoint]: `http://${host.includes(":") ? `[${host}]` : host}:${STS_PORT}`,
    [ENV.terminationLog]: "",
    [ENV.podIp]: lab.interfaces.eth0.podIp,
    [ENV.hostIp]: "10.0.0.1",
    PATH: process.env["PATH"] ?? "",
    ...over.env,
  };
  const isOne = settings.guardContainer === "sidecar";
  if (!isOne) {
    const { code, stderr } = await runGuard(lab, { ...startedWith(one, CONTAINER.guard), ...around });
    if (code !== 0) throw new Error(`the guard ended with ${code}: ${stderr}`);
  }
  const env = {
    ...startedWith(one, CONTAINER.sidecar),
    ...around,
    ...(isOne && over.gid !== undefined ? { [ENV.sidecarGid]: String(over.gid) } : {}),
  };
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const program = isOne ? [file("../../sidecar/main.ts"), "guard-and-serve"] : [AS, String(uid), String(gid)];
  const as = isOne ? AS_BOTH : [];
  const child = lab.startInPod([...as, "/usr/bin/env", "-i", ...variables, process.execPath, ...program]);
  const ended = collect(child);
  const held = new Promise<boolean>((resolve) => {
    let said = "";
    child.stderr.on("data", (part: Buffer) => {
      said += part.toString();
      if (said.includes('"msg":"credentials held"')) resolve(true);
    });
  });
  return { ended, holds: Promise.race([held, ended.then(() => false)]) };
}

/** Every uid may read it, as a kubelet would have it. */
function tokenFile(): string {
  const folder = tempFolder();
  chmodSync(folder, 0o755);
  const name = join(folder, "token");
  writeFileSync(name, WEB_TOKEN);
  return name;
}
