import { CONFIG_MAP } from "../../config/config-map.ts";
import { fieldsIn, own } from "../../model/read.ts";
import { injectorIn, INJECTOR, otherVersion, tagOf } from "../live/deployment.ts";
import type { CheckFacts } from "./facts.ts";
import { count, judgeEndpoints, judgeReplicas, type Served } from "./replicas.ts";
import { fail, judged, ok, skip, warn, type Results } from "./result.ts";

const served = (namespace: string): Served => ({
  name: `${namespace}/${INJECTOR}`,
  without: "no pod of a labelled namespace can be made",
  see: `See kubectl -n ${namespace} describe pods -l app.kubernetes.io/name=${INJECTOR} and their logs.`,
});

export const injectorCheck = ({ deployment, podroleNamespace }: CheckFacts): Results => {
  const code = "INJECTOR";
  const injector = served(podroleNamespace);
  const absent = fail(
    code,
    `There is no Deployment ${injector.name}.`,
    "Install podrole, or say where it is with --podrole-namespace.",
  );
  return judged(code, deployment, absent, (object) => judgeReplicas(code, injector, object));
};

export const injectorVersionCheck = ({ deployment, version }: CheckFacts): Results => {
  const code = "INJECTOR_VERSION";
  return judged(code, deployment, skip(code, "there is no Deployment"), (object) => {
    const { image } = injectorIn(object);
    if (tagOf(image) === undefined) return skip(code, `the image ${image} has no tag`);
    const message = otherVersion(image, version);
    return [
      message === undefined
        ? ok(code, `The injector is of version ${version}, like this podrole.`)
        : warn(code, message, "Use the podrole of the installation's version."),
    ];
  });
};

export const optionsCheck = ({ configMap, configProblem, config, podroleNamespace }: CheckFacts): Results => {
  const code = "INJECTOR_OPTIONS";
  const absent = fail(
    code,
    `There is no ConfigMap ${podroleNamespace}/${CONFIG_MAP}: no replica gets ready, and the admission policy refuses every pod.`,
    "Apply the one that podrole is shipped with.",
  );
  return judged(code, configMap, absent, () =>
    configProblem === undefined
      ? ok(code, `Source ${config.source}, guard ${config.guard}, sidecar image ${config.image}.`)
      : warn(code, `${configProblem}.`, "Correct the ConfigMap, or use the podrole of its version."),
  );
};

export const serviceCheck = ({ service, endpointSlices, podroleNamespace }: CheckFacts): Results => {
  const code = "INJECTOR_SERVICE";
  const name = `${podroleNamespace}/${INJECTOR}`;
  const absent = fail(
    code,
    `There is no Service ${name}, by which the API server calls the injector.`,
    "Install podrole again.",
  );
  return judged(code, service, absent, () => judgeEndpoints(code, name, endpointSlices));
};

export const budgetCheck = ({ disruptionBudget, deployment }: CheckFacts): Results => {
  const code = "DISRUPTION_BUDGET";
  if (deployment.kind === "absent") return skip(code, "there is no Deployment");
  const isOne = deployment.kind === "found" && count(fieldsIn(deployment.value, "spec"), "replicas") === 1;
  const absent = isOne
    ? skip(code, "one replica has none: its node could not be drained")
    : warn(
        code,
        "There is no PodDisruptionBudget: draining nodes may take all replicas at once.",
        "Apply the one that podrole is shipped with.",
      );
  return judged(code, disruptionBudget, absent, (object) => {
    const status = fieldsIn(object, "status");
    if (own(status, "disruptionsAllowed") === 0 && count(status, "expectedPods") > 0) {
      const message = `The PodDisruptionBudget allows no disruption: ${count(status, "currentHealthy")} of ${count(status, "desiredHealthy")} needed replicas are healthy, and a drain would wait.`;
      return warn(code, message, "See why a replica is not ready, or run one more than minAvailable.");
    }
    return ok(code, "A PodDisruptionBudget keeps a replica through drains.");
  });
};
