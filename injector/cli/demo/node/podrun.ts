import { join } from "node:path";
import { APP_ENV } from "../../../../sidecar/contract/pod.ts";
import { isPodroleContainer } from "../../../model/user-containers.ts";
import { isGuarding } from "../../../model/own-form.ts";
import { envVar, type Container, type Pod } from "../../../model/pod.ts";
import { createKubelet, type Kubelet, type KubeletDeps, type Run } from "./kubelet.ts";
import type { Processes } from "./processes.ts";
import type { Detail, Progress } from "../print/progress.ts";
import type { AppReport, Metadata } from "../print/result.ts";
import type { Stage } from "../stage.ts";
import { mintToken, ownerOf } from "../kubernetes/minted-token.ts";

/** The pod when its containers have ended, and its sidecar still serves. */
export interface RunningPod {
  /** The token of this audience in the pod's volumes. */
  readonly token: (audience: string) => string | undefined;
  /** The next line of the sidecar's log that matches. */
  readonly logged: Kubelet["logged"];
  /** The last container that gets credentials. */
  readonly app: Container | undefined;
  readonly runAgain: (app: Container) => Promise<AppReport>;
}

/** Reports each fact at once, so that a demo that ends early keeps it. */
export interface Found {
  readonly identity: (container: string, report: AppReport) => void;
  readonly before: (metadata: Metadata) => void;
  readonly after: (metadata: Metadata) => void;
  /** Called once, before the sidecar is ended. */
  readonly running: (pod: RunningPod) => Promise<void>;
}

/** The one variable that the app gets beyond its pod's: the URL of the STS stand-in. */
export const STS_VARIABLE = "AWS_ENDPOINT_URL_STS";

/**
 * Runs the patched pod as its node's kubelet would: guard, sidecar, init containers, containers, one after the other.
 * @param unpatched the same pod as it was before, of which the first container is the plain app
 */
export async function runPod(
  pod: Pod,
  unpatched: Pod,
  stage: Stage,
  {
    processes,
    path,
    progress,
  }: { readonly processes: Processes; readonly path: string; readonly progress: Progress },
  found: Found,
): Promise<void> {
  const app = [join(stage.sandbox.programs, "node"), join(stage.sandbox.programs, "demo-app.mjs")];
  const owner = ownerOf(pod);
  const tokens = new Map<string, string>();
  const deps: KubeletDeps = {
    processes,
    sandbox: stage.sandbox,
    path,
    userProgram: app,
    userEnvironment: { [STS_VARIABLE]: stage.standIns.stsUrl },
    mintToken: async (audience) => {
      const token = await mintToken({ ...owner, audience }, stage.standIns);
      tokens.set(audience, token);
      return token;
    },
  };
  const kubelet = createKubelet(pod, deps);
  const plain = plainApp(unpatched, stage, deps);
  const served = (container: Container) => serveOne(kubelet, container, progress, found);

  if (plain !== undefined) {
    const before = await progress.step("An app without podrole, no guard yet", plain, nodeIdentity);
    found.before(before);
  }
  for (const container of pod.spec.initContainers ?? []) {
    if (!isPodroleContainer(container)) await served(container);
    else await progress.step(titleOf(container), () => kubelet.startInit(container), wordsOf);
    if (plain !== undefined && isGuarding(container)) {
      found.after(await progress.step("The same app again, behind the guard", plain, refusalOf));
    }
  }
  await progress.minorStep("The kubelet replaces the tokens in the pod's volumes", () =>
    kubelet.renewTokens(),
  );
  for (const container of pod.spec.containers) await served(container);
  await found.running({
    token: (audience) => tokens.get(audience),
    logged: kubelet.logged,
    app: pod.spec.containers.findLast(getsCredentials),
    runAgain: async (container) => reportOf(await kubelet.run(container)),
  });
  await progress.minorStep("The app is done: SIGTERM to the sidecar", () => kubelet.stop());
}

/** The SDK in a container of the user's, if that container was given credentials. */
async function serveOne(
  kubelet: Kubelet,
  container: Container,
  progress: Progress,
  found: Found,
): Promise<void> {
  // Without credentials the SDK would ask this machine's own metadata service.
  if (!getsCredentials(container)) {
    progress.skip(`Container ${container.name}`, "gets no credentials and is not run here");
    return;
  }
  const title = `${container.name} calls GetCallerIdentity`;
  const run = async (): Promise<AppReport> => reportOf(await kubelet.run(container));
  found.identity(container.name, await progress.step(title, run, identityOf));
}

const getsCredentials = (container: Container): boolean =>
  envVar(container, APP_ENV.fullUri) !== undefined &&
  envVar(container, APP_ENV.metadataDisabled)?.value === "true";

function plainApp(unpatched: Pod, stage: Stage, deps: KubeletDeps): (() => Promise<Metadata>) | undefined {
  const [container] = unpatched.spec.containers;
  if (stage.network === undefined || container === undefined) return undefined;
  const kubelet = createKubelet(unpatched, {
    ...deps,
    userProgram: [...deps.userProgram, ...stage.metadataAddresses],
    // The SDK needs a region.
    userEnvironment: { ...deps.userEnvironment, [APP_ENV.region]: "eu-west-1" },
  });
  return async () => {
    const earlier = await stage.standIns.tell({});
    const report = reportOf(await kubelet.run(container));
    const { metadata } = await stage.standIns.tell({});
    return { report, requests: metadata.length - earlier.metadata.length };
  };
}

const titleOf = (container: Container): string => {
  const { name, restartPolicy } = container;
  if (restartPolicy !== "Always") return `${name} blocks node metadata`;
  return isGuarding(container) ? `${name} blocks, and gets sessions` : `${name} gets the pod's session`;
};

/** The guard says first what it has proven, then how. */
const wordsOf = ({ ended }: Run): Detail => {
  const full = ended.stdout.trim().split("\n").at(-1) || "credentials held";
  return { short: full.replace(/^podrole guard: /, "").split(";")[0] ?? full, full };
};

/** Who the SDK in a container is. */
export const identityOf = ({ arn, error }: AppReport): Detail =>
  arn === undefined ? (error ?? "") : { short: withoutAccount(arn), full: arn };

/** `assumed-role/ROLE/SESSION` and the like. The summary has the whole ARN. */
const withoutAccount = (arn: string): string => arn.split(":").slice(5).join(":");

const nodeIdentity = ({ report: { arn, error } }: Metadata): Detail =>
  arn === undefined
    ? `has no role: ${error}`
    : { short: `is ${withoutAccount(arn)}`, full: `is the node: ${arn}` };

const refusalOf = ({ report: { arn, attempts } }: Metadata): Detail => {
  const outcomes = attempts.map(({ address, outcome }) => `${address} ${outcome}`);
  const kinds = [...new Set(attempts.map(({ outcome }) => outcome))];
  if (arn !== undefined) return `is ${arn}`;
  return { short: `has no role: ${kinds.join(", ")}`, full: `has no role: ${outcomes.join(", ")}` };
};

/** The one line that the app prints. */
const reportOf = ({ ended }: Run): AppReport => JSON.parse(ended.stdout) as AppReport;
