import { randomUUID } from "node:crypto";
import { coded, CodedError, oneLine } from "../../../sidecar/kit/errors.ts";
import type { Pod } from "../../model/pod.ts";
import { BROKER_ARN } from "./broker/broker.ts";
import { created } from "./broker/cluster-changes.ts";
import { showBroker } from "./broker/story.ts";
import { ownerOf } from "./kubernetes/minted-token.ts";
import { createCleanup, type Cleanup } from "./cleanup.ts";
import type { Example } from "./admission/examples.ts";
import { ADDRESS } from "./node/network.ts";
import { placed, type Placement } from "./admission/pods.ts";
import { runPod, STS_VARIABLE } from "./node/podrun.ts";
import { createProcesses } from "./node/processes.ts";
import type { Progress } from "./print/progress.ts";
import type { BrokerFacts } from "./print/broker-facts.ts";
import { resultOf, type AppReport, type DemoResult, type Facts } from "./print/result.ts";
import {
  pickReview,
  reviewExamples,
  rolesOf,
  showExcerpt,
  suffix,
  type Review,
} from "./admission/reviews.ts";
import { setStage, type Setting, type Stage } from "./stage.ts";
import { NODE } from "./aws/standins.ts";

type Draft = { -readonly [K in keyof Facts]: Facts[K] } & { readonly identities: Record<string, AppReport> };

/**
 * The whole path, from a manifest to an SDK that has its pod's role. Whatever happens, nothing of it is left when this
 * resolves: no process, no namespace, no file.
 * @param signal ends it early: every process is killed, and the rest follows from that
 */
export async function demo(
  examples: readonly Example[],
  setting: Setting,
  signal: AbortSignal,
): Promise<DemoResult> {
  const startedAt = performance.now();
  const facts: Draft = { examples: [], identities: {} };
  const cleanup = createCleanup();
  const { progress } = setting;
  try {
    await act(examples, { ...setting, progress: untilAborted(progress, signal) }, signal, cleanup, facts);
  } catch (error) {
    // Killed processes fail with errors of their own; report why they were killed.
    facts.error = oneLine(
      signal.aborted ? coded(signal.reason, "DEMO_INTERRUPTED") : coded(error, "DEMO_FAILED"),
    );
  } finally {
    await cleanup.run();
  }
  return resultOf(facts, performance.now() - startedAt, progress.recorded());
}

/** Starts no step any more once the demo has been interrupted. */
const untilAborted = (progress: Progress, signal: AbortSignal): Progress => {
  const guarded =
    (step: Progress["step"]): Progress["step"] =>
    async (...stepping) => {
      signal.throwIfAborted();
      return step(...stepping);
    };
  return {
    ...progress,
    step: guarded(progress.step),
    minorStep: guarded(progress.minorStep),
    steps: (title, work, detail) => progress.steps(title, (step) => work(guarded(step)), detail),
  };
};

async function act(
  examples: readonly Example[],
  setting: Setting,
  signal: AbortSignal,
  cleanup: Cleanup,
  facts: Draft,
): Promise<void> {
  const { progress } = setting;
  const processes = createProcesses(cleanup, signal);
  progress.section("In place of a cluster and of AWS");
  const stage = await setStage(examples, setting, processes, cleanup);
  if (stage.skipped !== undefined) facts.skipped = stage.skipped;

  progress.section("Pods are created, and the webhook patches them");
  const reviews = await reviewExamples(examples, stage.injector, progress);
  facts.examples = reviews.map(({ reviewed }) => reviewed);
  const picked = pickReview(reviews);
  showExcerpt(picked, progress);
  const { pod, unpatched } = await podToRun(picked, stage);
  facts.pod = { example: picked.file, name: String(pod.metadata?.name), ...rolesOf(pod) };

  progress.section(`${picked.reviewed.object} runs here as patched, and its apps are the unmodified AWS SDK`);
  if (stage.network === undefined) {
    progress.note(
      `For want of a network of its own it is patched with ${stage.localFlags.join(" ")}; its volumes are`,
    );
    progress.note(
      "below a temporary folder, paths in its variables with them, and all its containers run as you.",
    );
  }
  progress.note(`The apps get one variable more, ${STS_VARIABLE}: AWS is not at hand, a stand-in is.`);
  if (stage.network !== undefined) {
    progress.note(
      "The plain app is the same program with its manifest's variables and a region, without podrole's.",
    );
  }
  const { broker } = stage;
  if (broker !== undefined) await stage.standIns.tell(created(pod));
  const aboutBroker = (seen: Partial<BrokerFacts>): void => {
    facts.broker = { arn: BROKER_ARN, pod: ownerOf(pod).pod, ...facts.broker, ...seen };
  };
  await runPod(
    pod,
    unpatched,
    stage,
    { processes, path: setting.path, progress },
    {
      identity: (container, report) => (facts.identities[container] = report),
      before: (metadata) => (facts.before = metadata),
      after: (metadata) => (facts.after = metadata),
      running: async (running) => {
        if (broker === undefined) return;
        aboutBroker({});
        await showBroker(pod, unpatched, running, { stage, broker, examples, progress, found: aboutBroker });
      },
    },
  );
}

/** The pod as it lands on the node, as the webhook patched it and as it would be without podrole. */
async function podToRun(
  { submitted, answer, file }: Review,
  { network, injector, localInjector }: Stage,
): Promise<{ readonly pod: Pod; readonly unpatched: Pod }> {
  const local = localInjector === injector ? answer : await localInjector.review(submitted, randomUUID());
  if (local.kind === "denied")
    throw new CodedError("DEMO_DENIED", `The pod of ${file} is denied: ${local.message}`);
  // It went through admission, which refuses what is not shaped like a pod.
  const [pod, unpatched] = [local.pod as Pod, submitted.pod as Pod];
  const placement: Placement = {
    name: `${unpatched.metadata?.generateName ?? ""}${suffix(5)}`,
    uid: randomUUID(),
    nodeName: NODE.name,
    podIp: network === undefined ? "127.0.0.1" : ADDRESS.pod,
    hostIp: ADDRESS.node,
  };
  return { pod: placed(pod, placement), unpatched: placed(unpatched, placement) };
}
