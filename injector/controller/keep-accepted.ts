import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { fieldsIn, isRecord, metadataOf, own, type Fields } from "../model/read.ts";
import { acceptedFor, changesTo, formOf } from "./accepted.ts";
import { readSettings, settingsPath, type SettingsDeps } from "./settings.ts";

export interface AcceptedDeps extends SettingsDeps {
  readonly api: Pick<ApiServer, "get" | "patch">;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of the injector's Deployment. */
  readonly deployment: string;
}

const REQUEST_MS = 10_000;
/** For how long the injector has to be rolled out before older forms are no longer accepted. */
const SETTLE_MS = 60_000;

/**
 * Keeps the `accepted.*` keys of the ConfigMap: the forms of pods that the admission policies accept beside the form of the
 * settings. Needs get and patch on that ConfigMap, get on the injector's Deployment.
 * @returns one round; it throws CodedError for settings that cannot be used, and Refusal or Error as the client does
 */
export function acceptedKeeper(deps: AcceptedDeps): (signal: AbortSignal) => Promise<void> {
  const { api, clock, log, namespace, deployment } = deps;
  const deploymentPath = `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`;
  let waiting: { readonly form: string; readonly since: number } | undefined;

  return async (signal) => {
    const { object, data } = await readSettings(deps, signal);
    const form = formOf(data);
    if (Object.keys(changesTo(data, [form])).length === 0) {
      waiting = undefined;
      return;
    }
    const text = JSON.stringify(form);
    const isReady = isRolledOut(await api.get(deploymentPath, REQUEST_MS, signal).catch(nullWhereMissing));
    if (waiting?.form !== text || !isReady) waiting = { form: text, since: clock.elapsed() };
    const isSettled = isReady && clock.elapsed() - waiting.since >= SETTLE_MS;
    const changes = changesTo(data, acceptedFor({ data, isSettled }));
    if (Object.keys(changes).length === 0) return;
    // With the version of the read, so that nothing is written over a change of the settings.
    const { resourceVersion } = metadataOf(object);
    try {
      await api.patch(
        settingsPath(deps),
        { metadata: { resourceVersion }, data: changes },
        REQUEST_MS,
        signal,
      );
    } catch (error) {
      if (error instanceof Refusal && error.status === 409) return;
      throw error;
    }
    log.info(
      { settled: isSettled },
      isSettled ? "older forms of pods are no longer accepted" : "another form of pods is accepted",
    );
  };
}

/** As `kubectl rollout status` has it: every replica is of the newest template and available, and no other is left. */
export function isRolledOut(deployment: unknown): boolean {
  if (!isRecord(deployment)) return false;
  const [spec, status] = [fieldsIn(deployment, "spec"), fieldsIn(deployment, "status")];
  const count = (fields: Fields, key: string, absent = 0): number => {
    const value = own(fields, key);
    return typeof value === "number" ? value : absent;
  };
  const wanted = count(spec, "replicas", 1);
  return (
    count(status, "observedGeneration") >= count(metadataOf(deployment), "generation") &&
    ["updatedReplicas", "replicas", "availableReplicas"].every((key) => count(status, key) === wanted)
  );
}

function nullWhereMissing(error: unknown): null {
  if (error instanceof Refusal && error.status === 404) return null;
  throw error;
}
