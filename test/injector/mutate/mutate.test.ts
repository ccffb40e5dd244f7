import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { APP_ENV, CONTAINER } from "../../../sidecar/contract/pod.ts";
import { admitPod } from "../../../injector/review/admit-pod.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { API_TOKEN_PATH } from "../../../injector/model/no-api-token.ts";
import { sha256 } from "../../../injector/mutate/token.ts";
import { applied, intrusions } from "../../support/additions.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import {
  FRESH,
  containerNamed,
  envOf,
  everyContainer,
  injected,
  plainPod,
  pod,
  throughApiServer,
  TOKEN,
  withApp,
  withInit,
} from "../../support/pods.ts";

const OTHER_TOKEN = "another-token-another-token-another-token-a";
const ours = (one: Pod, change: (container: Container) => Container): Pod =>
  everyContainer(one, (container) => (container.name.startsWith("podrole-") ? change(container) : container));
const order = (one: Pod) => (one.spec.initContainers ?? []).map(({ name }) => name);
/** As LimitRanger or an autoscaler may size a container. */
const RAISED = { requests: { cpu: "20m", memory: "1Gi" }, limits: { memory: "1Gi" } };

const again = (one: Pod): Pod => {
  const outcome = admitPod(one, facts(), config(), { ...FRESH, token: () => OTHER_TOKEN });
  if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome.findings));
  expect(intrusions(outcome.before, patchBetween(outcome.before, outcome.after))).toEqual([]);
  expect(applied(outcome.before, patchBetween(outcome.before, outcome.after))).toEqual(outcome.after);
  return outcome.after;
};

/** As the API server's ServiceAccount plugin does: a mount at the token's place stays. */
const withApiToken = (one: Pod): Pod =>
  everyContainer(one, (container) =>
    container.volumeMounts?.some(({ mountPath }) => mountPath === API_TOKEN_PATH)
      ? container
      : {
          ...container,
          volumeMounts: [
            ...(container.volumeMounts ?? []),
            { name: "kube-api-access-x7f2q", mountPath: API_TOKEN_PATH, readOnly: true },
          ],
        },
  );

/** Changes that other webhooks and built-in plugins make to a pod that podrole has patched. */
const INNOCENT: Readonly<Record<string, (one: Pod) => Pod>> = {
  "the API server's round trip": throughApiServer,
  "LimitRanger or an autoscaler sizing every container": (one) =>
    everyContainer(one, (container) => ({ ...container, resources: RAISED })),
  "the service account plugin mounting its token": withApiToken,
  "the defaulter writing procMount and resizePolicy out": (one) =>
    everyContainer(one, (container) => ({
      ...container,
      resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }],
      securityContext: { ...container.securityContext, procMount: "Default" },
    })),
  "AlwaysPullImages setting the pull policy": (one) =>
    everyContainer(one, (container) => ({ ...container, imagePullPolicy: "Always" })),
  "a webhook that adds labels, volumes and tolerations": (one) => ({
    ...one,
    metadata: { ...one.metadata, labels: { mesh: "on" } },
    spec: {
      ...one.spec,
      tolerations: [{ operator: "Exists" }],
      volumes: [...(one.spec.volumes ?? []), { name: "mesh" }],
    },
  }),
};

describe("a second pass after", () => {
  test.for(Object.entries(INNOCENT))("%s changes nothing", ([, change]) => {
    for (const one of [injected(pod()), injected(plainPod({ initContainers: [{ name: "setup" }] }))]) {
      const changed = change(one);
      expect(again(changed)).toEqual(changed);
      expect(patchBetween(changed, again(changed))).toEqual([]);
    }
  });

  test("all changes in either order changes nothing", () => {
    const changes = Object.values(INNOCENT);
    for (const some of [changes, changes.toReversed()]) {
      const changed = some.reduce((one, change) => change(one), injected(pod()));
      expect(again(changed)).toEqual(changed);
    }
  });

  test.for([
    ["in front", (list: readonly Container[], mesh: Container) => [mesh, ...list]],
    [
      "between ours",
      ([guard, ...rest]: readonly Container[], mesh: Container) => [...(guard ? [guard] : []), mesh, ...rest],
    ],
    ["at the end", (list: readonly Container[], mesh: Container) => [...list, mesh]],
  ] as const)(
    "another webhook's init container %s puts guard and sidecar first and covers the new container",
    ([, insert]) => {
      const first = injected(pod({ initContainers: [{ name: "setup" }] }));
      const mesh = { name: "mesh", image: "mesh:1" };
      const after = again(withInit(first, insert(first.spec.initContainers ?? [], mesh)));
      expect(order(after).slice(0, 2)).toEqual([CONTAINER.guard, CONTAINER.sidecar]);
      expect(order(after).slice(2).toSorted()).toEqual(["mesh", "setup"]);
      expect(envOf(containerNamed(after, "mesh"))[APP_ENV.token]).toBe(TOKEN);
      expect(containerNamed(after, "mesh").securityContext?.capabilities?.drop).toEqual(["NET_RAW"]);
      expect(again(after)).toEqual(after);
    },
  );

  test("a changed order of guard and sidecar puts them first again", () => {
    const first = injected(pod({ initContainers: [{ name: "setup" }] }));
    const reversed = withInit(first, (first.spec.initContainers ?? []).toReversed());
    expect(again(reversed)).toEqual(first);
  });

  test("a removed guard or sidecar restores it", () => {
    const first = injected(plainPod());
    expect(again(withInit(first, []))).toEqual(first);
  });

  test("another webhook's app container covers that container", () => {
    const first = injected(pod());
    const after = again({
      ...first,
      spec: { ...first.spec, containers: [{ name: "proxy" }, ...first.spec.containers] },
    });
    expect(envOf(containerNamed(after, "proxy"))[APP_ENV.token]).toBe(TOKEN);
    expect(after.metadata?.annotations?.["kubectl.kubernetes.io/default-container"]).toBe("app");
  });
});

describe("the place of the token for the Kubernetes API", () => {
  test.for([
    ["a pod with a role", pod()],
    ["a pod without one", plainPod()],
    ["a pod that forbids the token", pod({ automountServiceAccountToken: false })],
  ] as const)("is taken in guard and sidecar by an empty volume: %s", ([, one]) => {
    const after = injected(one);
    const own = (after.spec.initContainers ?? []).filter(({ name }) => name.startsWith("podrole-"));
    expect(own.length).toBeGreaterThan(0);
    for (const container of own) {
      expect(container.volumeMounts).toContainEqual({
        name: "podrole-no-api-token",
        mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
        readOnly: true,
      });
      expect(containerNamed(withApiToken(after), container.name)).toEqual(container);
    }
    expect(after.spec.volumes).toContainEqual({
      name: "podrole-no-api-token",
      projected: { defaultMode: 420, sources: [] },
    });
  });

  test("stays the app's own", () => {
    const mounts = withApiToken(injected(pod())).spec.containers[0]?.volumeMounts;
    expect(mounts?.find(({ mountPath }) => mountPath === API_TOKEN_PATH)?.name).toBe("kube-api-access-x7f2q");
  });
});

describe("when no container has the token", () => {
  const nobody = pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.skipContainers]: "app" });
  const shadowed = withApp({ env: [{ name: APP_ENV.fullUri, value: "http://127.0.0.1:1/" }] });

  test.for([
    ["all are skipped", nobody],
    ["all have their own endpoint", shadowed],
  ] as const)("a second pass changes nothing, since %s", ([, one]) => {
    const first = injected(one);
    expect(again(first)).toEqual(first);
  });

  test("a container that is added later gets a token that the sidecar knows", () => {
    const first = injected(nobody);
    const sized = ours(first, (container) => ({ ...container, resources: RAISED }));
    const after = again({
      ...sized,
      spec: { ...sized.spec, containers: [...sized.spec.containers, { name: "late" }] },
    });
    expect(envOf(containerNamed(after, "late"))[APP_ENV.token]).toBe(OTHER_TOKEN);
    const sidecar = containerNamed(after, CONTAINER.sidecar);
    expect(envOf(sidecar)[ENV.identities]).toContain(sha256(OTHER_TOKEN));
    expect(sidecar["resources"], "sized by somebody else").toEqual(RAISED);
    expect(again(after)).toEqual(after);
  });
});

describe("EKS's own webhook is told to skip", () => {
  const SKIP = ANNOTATION.irsaSkipContainers;
  const skipped = (value: string, settings = config()) =>
    injected(pod({}, { [SKIP]: value, [ANNOTATION.role]: BILLING }), facts(), settings).metadata?.annotations;

  test("guard and sidecar, in every pod: it also acts by associations, which podrole does not see", () => {
    expect(injected(pod()).metadata?.annotations?.[SKIP]).toBe("podrole-guard,podrole-sidecar");
    expect(injected(plainPod()).metadata?.annotations?.[SKIP]).toBe("podrole-guard");
  });

  test.for([
    ["", ""],
    ["web,logs", "web,logs,"],
    ["web, logs;x,", "web, logs;x,,"],
    [" web, podrole-guard,logs", " web,logs,"],
    // It reads one line of CSV, and nothing of a line that is not well formed.
    ['"web","logs"', "web,logs,"],
    ['web"', "web,"],
    ["web\nlogs\n", "web,logs,"],
  ] as const)("the containers of the user's list %j as well", ([value, kept]) => {
    expect(skipped(value)?.[SKIP]).toBe(`${kept}podrole-guard,podrole-sidecar`);
  });

  test("the same after several passes", () => {
    const once = injected(pod());
    expect(injected(once)).toEqual(once);
  });

  test("the same with the prefix of the webhook whose service accounts podrole reads", () => {
    const with_ = (serviceAccountRole: string) => config({ keys: { ...ANNOTATION, serviceAccountRole } });
    expect(skipped("web", with_("acme.com/role-arn"))).toMatchObject({
      [SKIP]: "web,podrole-guard,podrole-sidecar",
      "acme.com/skip-containers": "podrole-guard,podrole-sidecar",
    });
    expect(Object.keys(skipped("web", with_("acme.com/role")) ?? {}).join()).not.toContain("acme.com");
  });
});
