import { BROKER } from "../../../../sidecar/contract/broker.ts";
import { containerIdentity, POD_IDENTITY } from "../../../../sidecar/contract/session.ts";
import type { Container, Pod } from "../../../model/pod.ts";
import { rolesOf } from "../admission/reviews.ts";
import { identityOf, type RunningPod } from "../node/podrun.ts";
import { codeOf, type ActDeps } from "./act.ts";
import type { Broker } from "./broker.ts";
import { showNotInjected, showOtherRole, showWithdrawal } from "./refusals.ts";

/**
 * What a broker makes different, shown with the pod that runs.
 * @param unpatched the same pod without the webhook
 */
export async function showBroker(
  pod: Pod,
  unpatched: Pod,
  running: RunningPod,
  deps: ActDeps,
): Promise<void> {
  const { app } = running;
  if (app === undefined) return;
  const { role: podRole, containerRoles } = rolesOf(pod);
  const ownRole = containerRoles[app.name];
  const identity = ownRole === undefined ? POD_IDENTITY : containerIdentity(app.name);
  const roleArn = ownRole ?? podRole;
  const token = running.token(BROKER.audience) ?? "";

  deps.progress.section("The broker, which makes the pod's sessions");
  await showCall(roleArn, deps);
  await showOtherRole(token, identity, deps);
  await showNotInjected(unpatched, roleArn, deps);
  await showWithdrawal(pod, running, identity, deps);
  await showWithoutBroker(app, { token, identity, roleArn }, running, deps);
}

async function showCall(role: string, { stage, progress, found }: ActDeps): Promise<void> {
  const { call, callers } = await progress.step(
    "What STS was told of the session",
    async () => {
      const assumed = (await stage.standIns.tell({})).sts.filter((one) =>
        one.action.startsWith("AssumeRole"),
      );
      return {
        call: assumed.findLast(({ roleArn }) => roleArn === role),
        callers: [...new Set(assumed.map(({ caller }) => caller ?? "nobody known"))],
      };
    },
    (seen) => ({
      short: `${seen.call?.action} by ${seen.call?.caller?.split(":").at(-1)}`,
      full: `${seen.call?.action} by ${seen.call?.caller}`,
    }),
  );
  if (call === undefined) return;
  const { action, caller, roleArn, sessionName, sourceIdentity, tags } = call;
  found({ call: { action, caller, roleArn, sessionName, sourceIdentity, tags }, callers });
  progress.note(`session name ${sessionName}, source identity ${sourceIdentity ?? "none"}`);
  const texts = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  progress.note(`tags ${texts.join(", ")}`);
}

async function showWithoutBroker(
  app: Container,
  question: Parameters<Broker["ask"]>[0],
  running: RunningPod,
  { broker, progress, found }: ActDeps,
): Promise<void> {
  const stopped = await progress.minorStep(
    "The broker is stopped",
    async () => {
      await broker.stop();
      return broker.ask(question);
    },
    codeOf,
  );
  found({ stopped });
  const report = await progress.step(
    `${app.name} again, the broker stopped`,
    () => running.runAgain(app),
    identityOf,
  );
  found({ withoutBroker: { container: app.name, ...(report.arn === undefined ? {} : { arn: report.arn }) } });
}
