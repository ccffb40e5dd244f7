import { judgeEndpoints, judgeReplicas, type Served } from "../replicas.ts";
import { fail, judged, listed, ok, skip, warn } from "../result.ts";
import { BROKER } from "../../live/deployment.ts";
import type { Readyz } from "./readyz.ts";
import { whereUsed } from "./used.ts";

const INSTALL =
  "Set broker.enabled and broker.identity in the chart's values, or take source broker out of the settings.";

const served = (namespace: string): Served => ({
  name: `${namespace}/${BROKER}`,
  without: "no pod of source broker gets a new session",
  see: `See kubectl -n ${namespace} describe pods -l app.kubernetes.io/name=${BROKER} and their logs.`,
});

export const brokerCheck = whereUsed(({ brokerDeployment, podroleNamespace }) => {
  const code = "BROKER";
  const broker = served(podroleNamespace);
  const absent = fail(code, `There is no Deployment ${broker.name}: ${broker.without}.`, INSTALL);
  return judged(code, brokerDeployment, absent, (object) => judgeReplicas(code, broker, object));
});

export const brokerServiceCheck = whereUsed(({ brokerService, brokerEndpointSlices, podroleNamespace }) => {
  const code = "BROKER_SERVICE";
  const { name } = served(podroleNamespace);
  const absent = fail(code, `There is no Service ${name}, by which sidecars call the broker.`, INSTALL);
  return judged(code, brokerService, absent, () => judgeEndpoints(code, name, brokerEndpointSlices));
});

/** The settings that every pod of the source carries: a pod keeps those that it was created with. */
export const brokerSettingsCheck = whereUsed(({ config, brokerReadyz, podroleNamespace }) => {
  const code = "BROKER_SETTINGS";
  const { brokerUrl, brokerCa } = config;
  const host = `${BROKER}.${podroleNamespace}.svc`;
  if (brokerUrl === undefined) return skip(code, "the settings have no brokerUrl; see INJECTOR_OPTIONS");
  const results = [
    ...(isHost(brokerUrl, host)
      ? []
      : [
          warn(
            code,
            `The setting brokerUrl is ${brokerUrl}, which is not the Service's name ${host}: whether it leads to the broker, and whether the broker's certificate names it, was not checked.`,
            `Set it to https://${host}, unless sidecars are meant to go another way.`,
          ),
        ]),
    ...(brokerCa === undefined
      ? [
          fail(
            code,
            "The settings have no brokerCa, by which sidecars know the broker: every pod of source broker that asks for a role is denied.",
            "The controller writes it into podrole-config within seconds: see its log.",
          ),
        ]
      : []),
    ...detailsOf(brokerReadyz.kind === "found" ? brokerReadyz.value : []).map((detail) =>
      warn(
        code,
        `The broker goes on with earlier settings: ${detail}`,
        "Correct the ConfigMap podrole-config.",
      ),
    ),
  ];
  return results.length > 0
    ? results
    : ok(code, `Sidecars call ${brokerUrl}, the Service's name, and know its CA.`);
});

/** What replicas say of settings that they did not take, each once. */
const detailsOf = (replicas: readonly Readyz[]): readonly string[] => [
  ...new Set(
    replicas.flatMap((one) => (one.kind === "ready" && one.detail !== undefined ? [one.detail] : [])),
  ),
];

const isHost = (url: string, host: string): boolean => {
  const { hostname, port } = new URL(url);
  return port === "" && (hostname === host || hostname.startsWith(`${host}.`));
};

export const brokerAccessCheck = whereUsed(({ brokerRights, podroleNamespace }) => {
  const code = "BROKER_ACCESS";
  const none = skip(code, `there is no Deployment ${podroleNamespace}/${BROKER}`);
  return judged(code, brokerRights, none, (lacking) => {
    if (lacking.length === 0)
      return ok(
        code,
        "Its service account may review tokens, get pods, and watch namespaces and RoleGrants.",
      );
    const byResource = Map.groupBy(lacking, ({ group, resource }) =>
      `${resource}.${group}`.replace(/\.$/, ""),
    );
    const names = [...byResource].map(
      ([resource, rights]) => `${rights.map(({ verb }) => verb).join("/")} ${resource}`,
    );
    return fail(
      code,
      `The broker's service account may not ${listed(names)}, so it refuses every session or never gets ready.`,
      "Apply the ClusterRole and the ClusterRoleBinding podrole-broker that podrole is shipped with.",
    );
  });
});
