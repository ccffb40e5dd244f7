import { randomUUID } from "node:crypto";
import { BROKER } from "../../../../sidecar/contract/broker.ts";
import { POD_IDENTITY } from "../../../../sidecar/contract/session.ts";
import type { Pod } from "../../../model/pod.ts";
import { suffix } from "../admission/reviews.ts";
import { mintToken, ownerOf } from "../kubernetes/minted-token.ts";
import { ADDRESS } from "../node/network.ts";
import type { RunningPod } from "../node/podrun.ts";
import type { BrokerAnswer } from "../print/broker-facts.ts";
import { codeOf, type ActDeps } from "./act.ts";
import { asGranted, created, withdrawn } from "./cluster-changes.ts";
import { expiryIn, isHeldUntil, isRefused, refusalIn } from "./log-lines.ts";

/** A role that no pod of the examples has. */
const OTHER_ROLE = "arn:aws:iam::111122223333:role/shop-admin";
const LONG_SECONDS = 3600;

/** As whoever has stolen the token would ask. */
export async function showOtherRole(
  token: string,
  identity: string,
  { stage, broker, progress, found }: ActDeps,
): Promise<void> {
  const answer = await progress.step(
    "Its token, for another role",
    () => broker.ask({ token, identity, roleArn: OTHER_ROLE }),
    codeOf,
  );
  if (answer.message !== undefined) progress.note(answer.message);
  if (stage.network !== undefined)
    progress.note(
      "The token was shown from another pod's network. The setting brokerClients=pod refuses one from elsewhere for the pod's own role, too.",
    );
  found({ otherRole: answer });
}

/** As if the webhook had been away: the pod is there, with a token of its own, but without the webhook's annotation. */
export async function showNotInjected(
  unpatched: Pod,
  roleArn: string,
  { stage, broker, progress, found }: ActDeps,
): Promise<void> {
  const metadata = { ...unpatched.metadata, name: `unseen-${suffix(5)}`, uid: randomUUID() };
  const ip = stage.network === undefined ? "127.0.0.1" : ADDRESS.otherPod;
  const unseen: Pod = { ...unpatched, metadata, status: { podIP: ip, podIPs: [{ ip }] } };
  const answer = await progress.step(
    "A pod that the webhook never saw",
    async () => {
      await stage.standIns.tell(created(unseen));
      const token = await mintToken({ ...ownerOf(unseen), audience: BROKER.audience }, stage.standIns);
      return broker.ask({ token, identity: POD_IDENTITY, roleArn });
    },
    codeOf,
  );
  if (answer.message !== undefined) progress.note(answer.message);
  found({ notInjected: answer });
}

/** The sidecar asks by itself; its log says what it was answered. */
export async function showWithdrawal(
  pod: Pod,
  running: RunningPod,
  identity: string,
  { stage, examples, progress, found }: ActDeps,
): Promise<void> {
  const { tell } = stage.standIns;
  const namespace = pod.metadata?.namespace ?? "default";
  const refusal = await progress.step(
    `Namespace ${namespace} allows no role any more`,
    async (): Promise<BrokerAnswer> => {
      const answered = running.logged(refreshed(identity));
      const [line] = await Promise.all([answered, ...withdrawn(examples).map(tell)]);
      return isRefused(line, identity) ? refusalIn(line) : { error: "not refused" };
    },
    ({ code, error }) => error ?? `next refresh: ${code}`,
  );
  if (refusal.message !== undefined) progress.note(refusal.message);
  found({ withdrawn: refusal });
  const heldUntil = await progress.minorStep(
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

/** Matches the answer to a refresh that began after now: a session that comes first may have been asked for before. */
function refreshed(identity: string): (line: string) => boolean {
  let held = 0;
  return (line) => {
    if (isHeldUntil(line, identity, 0)) held += 1;
    return held > 1 || isRefused(line, identity);
  };
}
