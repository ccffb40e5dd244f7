import { randomUUID } from "node:crypto";
import { BROKER } from "../../../../sidecar/contract/broker.ts";
import { containerIdentity, POD_IDENTITY } from "../../../../sidecar/contract/session.ts";
import type { Container, Pod } from "../../../model/pod.ts";
import type { Example } from "../admission/examples.ts";
import { rolesOf, suffix } from "../admission/reviews.ts";
import { mintToken, ownerOf } from "../kubernetes/minted-token.ts";
import type { RunningPod } from "../node/podrun.ts";
import type { BrokerAnswer, BrokerFacts } from "../print/broker-facts.ts";
import type { Progress } from "../print/progress.ts";
import type { Stage } from "../stage.ts";
import type { Broker } from "./broker.ts";
import { asGranted, created, withdrawn } from "./cluster-changes.ts";
import { expiryIn, isHeldUntil, isRefused, refusalIn } from "./sidecar-log.ts";

/** A role that no pod of the examples has. */
const OTHER_ROLE = "arn:aws:iam::111122223333:role/shop-admin";
const LONG_SECONDS = 3600;

export interface StoryDeps {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly examples: readonly Example[];
  readonly progress: Progress;
  /** Reports what was seen at once. */
  readonly found: (facts: Partial<BrokerFacts>) => void;
}

/**
 * What a broker makes different, shown with the pod that runs.
 * @param unpatched the same pod without the webhook
 */
export async function showBroker(
  pod: Pod,
  unpatched: Pod,
  running: RunningPod,
  deps: StoryDeps,
): Promise<void> {
  const { app } = running;
  if (app === undefined) return;
  const { role: podRole, containerRoles } = rolesOf(pod);
  const ownRole = containerRoles[app.name];
  const identity = ownRole === undefined ? POD_IDENTITY : containerIdentity(app.name);
  const roleArn = ownRole ?? podRole;
  const token = running.token(BROKER.audience) ?? "";

  deps.progress.note("");
  await showCall(roleArn, deps);
  await showOtherRole(token, identity, deps);
  await showNotInjected(unpatched, roleArn, deps);
  await showWithdrawal(pod, running, identity, deps);
  await showWithoutBroker(app, { token, identity, roleArn }, running, deps);
}

async function showCall(role: string, { stage, progress, found }: StoryDeps): Promise<void> {
  const call = await progress.step(
    "What STS was told of the pod's session",
    async () => (await stage.standIns.tell({})).sts.findLast(({ roleArn }) => roleArn === role),
    (one) => `${one?.action} by ${one?.caller}`,
  );
  if (call === undefined) return;
  const { action, caller, roleArn, sessionName, sourceIdentity, tags } = call;
  found({ call: { action, caller, roleArn, sessionName, sourceIdentity, tags } });
  progress.note(`session name ${sessionName}, source identity ${sourceIdentity ?? "none"}`);
  const texts = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  progress.note(`tags ${texts.join(", ")}`);
}

async function showOtherRole(token: string, identity: string, { stage, broker, progress, found }: StoryDeps) {
  const where = stage.network === undefined ? "" : " from another pod's network";
  const answer = await progress.step(
    `Its token${where}, for another role`,
    () => broker.ask({ token, identity, roleArn: OTHER_ROLE }),
    codeOf,
  );
  progress.note(answer.message ?? "");
  found({ otherRole: answer });
}

/** As if the webhook had been away: the pod is there, with a token of its own, but without the webhook's annotation. */
async function showNotInjected(
  unpatched: Pod,
  roleArn: string,
  { stage, broker, progress, found }: StoryDeps,
): Promise<void> {
  const metadata = { ...unpatched.metadata, name: `unseen-${suffix(5)}`, uid: randomUUID() };
  const unseen: Pod = { ...unpatched, metadata };
  const answer = await progress.step(
    "A pod that was made past the webhook, with a token of its own",
    async () => {
      await stage.standIns.tell(created(unseen));
      const token = await mintToken({ ...ownerOf(unseen), audience: BROKER.audience }, stage.standIns);
      return broker.ask({ token, identity: POD_IDENTITY, roleArn });
    },
    codeOf,
  );
  progress.note(answer.message ?? "");
  found({ notInjected: answer });
}

async function showWithdrawal(
  pod: Pod,
  running: RunningPod,
  identity: string,
  { stage, examples, progress, found }: StoryDeps,
): Promise<void> {
  const { tell } = stage.standIns;
  const namespace = pod.metadata?.namespace ?? "default";
  const refusal = await progress.step(
    `Namespace ${namespace} allows no role any more: the next refresh`,
    async () => {
      const refused = running.logged((line) => isRefused(line, identity));
      const [line] = await Promise.all([refused, ...withdrawn(examples).map(tell)]);
      return refusalIn(line);
    },
    ({ code }) => `refused, ${code}`,
  );
  progress.note(refusal.message);
  found({ withdrawn: refusal });
  const heldUntil = await progress.step(
    "It allows them again: the sidecar's next attempt",
    async () => {
      const until = Date.now() + (LONG_SECONDS / 2) * 1000;
      const held = running.logged((line) => isHeldUntil(line, identity, until));
      const news = [{ sessionSeconds: LONG_SECONDS }, ...asGranted(examples)];
      const [line] = await Promise.all([held, ...news.map(tell)]);
      return expiryIn(line);
    },
    (at) => `credentials held until ${at}`,
  );
  found({ heldUntil });
}

async function showWithoutBroker(
  app: Container,
  question: Parameters<Broker["ask"]>[0],
  running: RunningPod,
  { broker, progress, found }: StoryDeps,
): Promise<void> {
  const stopped = await progress.step(
    "The broker is stopped",
    async () => {
      await broker.stop();
      return broker.ask(question);
    },
    codeOf,
  );
  found({ stopped });
  const report = await progress.step(
    `Container ${app.name} once more`,
    () => running.runAgain(app),
    ({ arn, error }) => arn ?? error ?? "",
  );
  found({ withoutBroker: { container: app.name, ...(report.arn === undefined ? {} : { arn: report.arn }) } });
}

const codeOf = ({ status, code, error }: BrokerAnswer): string =>
  error ?? `${status}${code === undefined ? "" : ` ${code}`}`;
