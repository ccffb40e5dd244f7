import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { ApiServer } from "../cluster/api-server.ts";
import type { Trouble } from "../model/trouble.ts";
import { serviceNames } from "../tls/options.ts";
import type { ControllerOptions } from "./command.ts";
import { DURATIONS, type Durations } from "./durations.ts";
import { updateGrants } from "./grant-status.ts";
import { acceptedKeeper } from "./keep-accepted.ts";
import { certificateKeeper, type KeepDeps } from "./keep-certificates.ts";
import { task, type Task } from "./task.ts";

export interface ControllerDeps {
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the installation. */
  readonly namespace: string;
  readonly countAction?: KeepDeps["observe"];
  /** Other times than the usual, for tests. */
  readonly durations?: Durations;
}

/** A change of the settings is seen before the injectors act on it, five seconds after they see it. */
const SETTINGS_MS = 2000;
/** The figures are for people. */
const GRANTS_MS = 5 * 60_000;

/** Everything that the controller keeps in order. */
export function controllerTasks(options: ControllerOptions, deps: ControllerDeps): readonly Task[] {
  const { api, clock, log, namespace, countAction, durations = DURATIONS } = deps;
  const { service, tlsSecret, caSecret, webhookConfiguration, tlsNames, configMap } = options;
  const certificates = certificateKeeper({
    api,
    clock,
    log,
    places: { secret: tlsSecret, keys: caSecret, namespace, configuration: webhookConfiguration },
    names: [...serviceNames(service, namespace), ...tlsNames],
    durations,
    ...(countAction === undefined ? {} : { observe: countAction }),
  });
  const all = { clock, log };
  return [
    ...(options.certificates
      ? [task({ ...all, name: CERTIFICATES, intervalMs: durations.intervalMs, round: certificates.round })]
      : []),
    task({
      ...all,
      name: "settings",
      intervalMs: SETTINGS_MS,
      round: acceptedKeeper({ ...all, api, namespace, configMap, deployment: service }),
    }),
    task({
      ...all,
      name: "grant-status",
      intervalMs: GRANTS_MS,
      round: (signal) => updateGrants({ api, now: () => clock.now() }, signal),
    }),
  ];
}

const CERTIFICATES = "certificates";

/** Ready is who keeps the certificates well: without them no pod is admitted. Of other tasks, metric and log tell. */
export function unreadyOf(tasks: readonly Task[]): Trouble | undefined {
  const certificates = tasks.find(({ name }) => name === CERTIFICATES);
  if (certificates === undefined || certificates.succeeded()) return certificates?.trouble();
  return certificates.trouble() ?? { code: "STARTING", message: "Certificates have not been looked at yet." };
}
