import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { ApiServer } from "../cluster/api-server.ts";
import { excludedNamespaces } from "../model/excluded-namespaces.ts";
import type { Trouble } from "../model/trouble.ts";
import { serviceNames } from "../tls/options.ts";
import type { ControllerOptions } from "./command.ts";
import { BROKER_DURATIONS, DURATIONS, type Durations } from "./durations.ts";
import { updateGrants } from "./grant-status.ts";
import { metadataPolicyKeeper, type PoliciesDeps } from "./keep-metadata-policies.ts";
import type { BrokerObserver } from "./broker-observer.ts";
import { brokerKeeper } from "./keep-broker-certificates.ts";
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
  readonly countPolicies?: PoliciesDeps["observe"];
  readonly observeBroker?: BrokerObserver;
  /** Other times than the usual, for tests. */
  readonly durations?: Durations;
}

/** Shorter than the five seconds that injectors wait after they see a change, so that the controller acts first. */
const SETTINGS_MS = 2000;
/** A watch brings what changes, so a round without changes costs one read of the settings. */
const POLICIES_MS = 5000;
/** The status is only for people. */
const GRANTS_MS = 5 * 60_000;

/** All tasks of the controller. */
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
      round: (signal) => updateGrants({ api, now: () => clock.now(), namespace, configMap }, signal),
    }),
    ...(options.metadataPolicies ? [policyTask(options, deps)] : []),
    ...(options.brokerCertificates ? [brokerTask(options, deps)] : []),
  ];
}

function brokerTask(options: ControllerOptions, deps: ControllerDeps): Task {
  const { api, clock, log, namespace, observeBroker } = deps;
  const { brokerService, brokerNames, brokerSecret, brokerCaSecret, configMap } = options;
  const round = brokerKeeper({
    api,
    clock,
    log,
    places: { namespace, authorities: brokerCaSecret, served: brokerSecret },
    configMap,
    names: [...serviceNames(brokerService, namespace), ...brokerNames],
    durations: BROKER_DURATIONS,
    ...(observeBroker === undefined ? {} : { observe: observeBroker }),
  });
  const { intervalMs } = BROKER_DURATIONS;
  return task({ clock, log, name: "broker-certificates", intervalMs, round });
}

function policyTask(
  { excludeNamespaces, configMap }: ControllerOptions,
  { api, clock, log, namespace, countPolicies }: ControllerDeps,
): Task {
  const keeper = metadataPolicyKeeper({
    api,
    clock,
    log,
    namespace,
    configMap,
    excluded: excludedNamespaces(namespace, excludeNamespaces),
    ...(countPolicies === undefined ? {} : { observe: countPolicies }),
  });
  const rounds = task({
    clock,
    log,
    name: "metadata-policies",
    intervalMs: POLICIES_MS,
    round: keeper.round,
  });
  return {
    ...rounds,
    run: async (signal) => {
      await Promise.all([keeper.follow(signal), rounds.run(signal)]);
    },
  };
}

const CERTIFICATES = "certificates";

/** The controller is ready if the certificate task works: without it no pod is admitted. Log and metric report the others. */
export function unreadyOf(tasks: readonly Task[]): Trouble | undefined {
  const certificates = tasks.find(({ name }) => name === CERTIFICATES);
  if (certificates === undefined || certificates.succeeded()) return certificates?.trouble();
  return (
    certificates.trouble() ?? {
      code: "STARTING",
      message: "The controller has not checked the certificates yet.",
    }
  );
}
