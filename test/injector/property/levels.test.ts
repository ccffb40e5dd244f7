import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { Facts } from "../../../injector/model/facts.ts";
import { allContainers, type Container, type Pod } from "../../../injector/model/pod.ts";
import { isPodroleContainer } from "../../../injector/model/user-containers.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { TOKEN } from "../../support/pods.ts";
import { pods } from "./arbitraries.ts";
import { injectorNamed, someInjectors } from "./injectors.ts";
import { afterPass, OTHER_TOKEN, settings } from "./settings.ts";

/** Whatever podrole writes in mode `verify`, Pod Security admits at level `restricted`, and a pod that fitted a level still fits it. */

const around = (
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
): Facts => facts({ labels, annotations, account: { [ANNOTATION.serviceAccountRole]: BILLING } });
const ENFORCE = "pod-security.kubernetes.io/enforce";
const VERIFYING: Readonly<Record<string, Facts>> = {
  restricted: around({ [ENFORCE]: "restricted" }, {}),
  "baseline, by auto": around({ [ENFORCE]: "baseline" }, { [ANNOTATION.guard]: "auto" }),
  "no level, by annotation": around({}, { [ANNOTATION.guard]: "verify" }),
};
/** By name, so that a counterexample is readable. */
const where = fc.constantFrom(...Object.keys(VERIFYING));
// Two settings have a guard that is off, or a source that needs rules.
const verifying = settings.filter((name) => name !== "source node" && name !== "without a guard");

/** What upstream's level `restricted` refuses in one container (k8s.io/pod-security-admission, policy/check_*.go), by field. */
function refusedIn({ securityContext }: Container, { spec }: Pod): readonly string[] {
  const context = securityContext ?? {};
  const ofPod = spec.securityContext ?? {};
  const seccomp = [context["seccompProfile"], ofPod["seccompProfile"]].find((one) => one != null);
  const { add, drop } = context.capabilities ?? {};
  const refused: Readonly<Record<string, boolean>> = {
    privileged: context.privileged === true,
    allowPrivilegeEscalation: context.allowPrivilegeEscalation !== false,
    "capabilities.add": (add ?? []).some((name) => name !== "NET_BIND_SERVICE"),
    "capabilities.drop": drop?.includes("ALL") !== true,
    runAsUser: (context.runAsUser ?? ofPod.runAsUser) === 0,
    runAsNonRoot: (context.runAsNonRoot ?? ofPod["runAsNonRoot"]) !== true,
    seccompProfile: !isDeepStrictEqual(seccomp, { type: "RuntimeDefault" }),
    procMount: (context.procMount ?? "Default") !== "Default",
  };
  return Object.keys(refused).filter((field) => refused[field] === true);
}

const VOLUMES = "configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split(
  " ",
);

const refusedOf = (pod: Pod): readonly string[] => [
  ...allContainers(pod.spec).flatMap(({ container }) =>
    refusedIn(container, pod).map((field) => `${container.name}: ${field}`),
  ),
  ...["hostNetwork", "hostPID", "hostIPC"].filter((field) => pod.spec[field] === true),
  ...(pod.spec.volumes ?? [])
    .filter((one) => !VOLUMES.some((kind) => one[kind] != null))
    .map(({ name }) => name),
];

/** The pod as its author makes it fit level `restricted`. */
function strict(pod: Pod): Pod {
  const confined = (one: Container): Container => ({
    ...one,
    securityContext: {
      ...one.securityContext,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      procMount: "Default",
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    },
  });
  const volumes = (pod.spec.volumes ?? []).map((one) => ({ ...one, emptyDir: {} }));
  const { hostPID: _, hostNetwork: __, ...spec } = pod.spec;
  return {
    ...pod,
    spec: {
      ...spec,
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(confined) } : {}),
      containers: spec.containers.map(confined),
      volumes,
    },
  };
}

const usersOf = (pod: Pod): readonly Container[] =>
  allContainers(pod.spec).flatMap(({ container }) => (isPodroleContainer(container) ? [] : [container]));
const ownOf = ({ spec }: Pod): readonly Container[] => (spec.initContainers ?? []).filter(isPodroleContainer);

test("what podrole adds in mode verify fits level restricted in every pod, and is no root and has no capability", () => {
  let ran = 0;
  fc.assert(
    fc.property(pods, verifying, where, someInjectors, (object, name, place, others) => {
      const first = afterPass(object, name, TOKEN, VERIFYING[place]);
      if (first === undefined) return;
      ran += 1;
      const changed = others.reduce((one, other) => injectorNamed(other).inject(one), first);
      const second = afterPass(changed, name, OTHER_TOKEN, VERIFYING[place]);
      expect(second).toBeDefined();
      for (const after of [first, second ?? first]) {
        const [guard, ...more] = ownOf(after);
        expect(guard?.["command"]).toEqual(["podrole-sidecar", "verify"]);
        expect(more.length).toBeLessThan(2);
        for (const one of ownOf(after)) {
          // Alone: with nothing of the pod's own context, which may be none.
          expect(refusedIn(one, { spec: { containers: [one] } })).toEqual([]);
          expect(one.securityContext?.runAsUser).toBeGreaterThanOrEqual(40_000);
          expect(one.securityContext?.runAsGroup).toBeGreaterThan(0);
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(ran).toBeGreaterThan(60);
});

test("a pod that fits level restricted still fits it, and its containers' security contexts are as they were", () => {
  let ran = 0;
  fc.assert(
    fc.property(pods, verifying, where, (object, name, place) => {
      const before = strict(object as unknown as Pod);
      expect(refusedOf(before)).toEqual([]);
      const after = afterPass(before, name, TOKEN, VERIFYING[place]);
      if (after === undefined) return;
      ran += 1;
      expect(refusedOf(after)).toEqual([]);
      const contexts = (one: Pod): readonly unknown[] =>
        usersOf(one).map(({ securityContext }) => securityContext);
      expect(contexts(after)).toEqual(contexts(before));
    }),
    { numRuns: 300 },
  );
  expect(ran).toBeGreaterThan(100);
});
