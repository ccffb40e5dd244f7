import { describe, expect, test } from "vitest";
import type { Facts } from "../../../injector/model/facts.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { countSteps } from "../../support/count-steps.ts";
import { BILLING, facts, grant } from "../../support/facts.ts";
import { app, FRESH, injected, pod } from "../../support/pods.ts";

/** A pod's author chooses how long each list is, so the work for a review must grow no faster than the review. */

const PODS = { group: "", resource: "pods" };
const DEPLOYMENTS = { group: "apps", resource: "deployments" };

const stepsFor = (request: object, given: Facts, over = {}): number =>
  countSteps(
    {
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: { uid: "u", namespace: "shop", ...request },
    },
    (review) => resultForReview(parseReview(review), given, config(over), FRESH),
  );

/** Sizes at which constant work no longer hides the rest. */
const [SMALL, MIDDLE, LARGE] = [50, 100, 200];

/** How much more the work grows from the second size to the third than from the first: 2 where it is linear, 4 where quadratic. */
function growth(steps: (size: number) => number): number {
  const [small, middle, large] = [steps(SMALL), steps(MIDDLE), steps(LARGE)];
  return (large - middle) / Math.max(middle - small, 1);
}
const LINEAR = 2.5;

const each = <T>(size: number, one: (n: number) => T): readonly T[] =>
  Array.from({ length: size }, (_, n) => one(n));
const named = (n: number, over: object = {}): Container => ({ ...app, name: `c-${n}`, ...over });
const names = (size: number, prefix = "c"): string => each(size, (n) => `${prefix}-${n}`).join();
const variables = (size: number) => each(size, (n) => ({ name: `V${n}`, value: `$(V${n})` }));
const privileged = { securityContext: { privileged: true, capabilities: { add: ["SYS_ADMIN", "BPF"] } } };
const annotated = (annotations: object, spec: object = {}): Pod =>
  pod(spec, { [ANNOTATION.role]: BILLING, ...(annotations as Record<string, string>) });
const one = (over: object): Pod => annotated({}, { containers: [{ ...app, ...over }] });

/** Pods with a list of this length, one for each list that there is. */
const SHAPES: Readonly<Record<string, (size: number) => Pod>> = {
  containers: (size) => annotated({}, { containers: each(size, named) }),
  "init containers": (size) => annotated({}, { initContainers: each(size, named) }),
  "containers of one name": (size) => annotated({}, { containers: each(size, () => app) }),
  "guards of another's": (size) =>
    annotated({}, { initContainers: each(size, () => ({ name: "podrole-guard", image: "x" })) }),
  "sidecars of another's": (size) =>
    annotated({}, { initContainers: each(size, () => ({ name: "podrole-sidecar", image: "x", env: [] })) }),
  "containers with violations": (size) =>
    annotated({}, { containers: each(size, (n) => named(n, privileged)) }),
  "containers with a reserved name": (size) =>
    annotated({}, { containers: each(size, (n) => named(n, { name: `podrole-${n}` })) }),
  "containers that shadow the sidecar": (size) =>
    annotated(
      {},
      { containers: each(size, (n) => named(n, { env: [{ name: "AWS_PROFILE", value: "x" }] })) },
    ),
  variables: (size) => one({ env: variables(size) }),
  "variables of one name": (size) => one({ env: each(size, () => ({ name: "AWS_PROFILE", value: "x" })) }),
  "proxy exemptions": (size) =>
    one({
      env: [{ name: "HTTP_PROXY", value: "p" }, ...each(size, () => ({ name: "NO_PROXY", value: "a,b" }))],
    }),
  "sources of variables": (size) =>
    one({ envFrom: each(size, (n) => ({ configMapRef: { name: `m${n}` } })) }),
  arguments: (size) => one({ args: each(size, String) }),
  "mounts and volumes": (size) =>
    annotated(
      {},
      {
        volumes: each(size, (n) => ({ name: `v${n}`, hostPath: { path: `/var/log/${n}` } })),
        containers: [{ ...app, volumeMounts: each(size, (n) => ({ name: `v${n}`, mountPath: `/m/${n}` })) }],
      },
    ),
  "reserved mounts": (size) =>
    one({ volumeMounts: each(size, (n) => ({ name: `podrole-identity-${n}`, mountPath: `/m/${n}` })) }),
  "reserved volumes": (size) =>
    annotated({}, { volumes: each(size, (n) => ({ name: `podrole-identity-${n}`, emptyDir: {} })) }),
  "projected sources": (size) =>
    annotated(
      {},
      { volumes: [{ name: "v", projected: { sources: each(size, () => ({ secret: { name: "s" } })) } }] },
    ),
  ports: (size) => one({ ports: each(size, (n) => ({ containerPort: n, hostPort: n + 1 })) }),
  "added capabilities": (size) =>
    one({ securityContext: { capabilities: { add: each(size, (n) => `CAP_${n}`) } } }),
  "dropped capabilities": (size) =>
    one({ securityContext: { capabilities: { drop: each(size, (n) => `CAP_${n}`) } } }),
  sysctls: (size) =>
    annotated({}, { securityContext: { sysctls: each(size, (n) => ({ name: `k.${n}`, value: "1" })) } }),
  "supplemental groups": (size) =>
    annotated({}, { securityContext: { supplementalGroups: each(size, (n) => 40_000 + n) } }),
  "uids of the sidecar's range": (size) =>
    annotated(
      {},
      { containers: each(size, (n) => named(n, { securityContext: { runAsUser: 40_000 + n } })) },
    ),
  "host aliases": (size) =>
    annotated({}, { hostAliases: each(size, (n) => ({ ip: "10.0.0.1", hostnames: [`h${n}`] })) }),
  labels: (size) => {
    const base = annotated({});
    return {
      ...base,
      metadata: { ...base.metadata, labels: Object.fromEntries(each(size, (n) => [`l${n}`, "x"])) },
    };
  },
  annotations: (size) => annotated(Object.fromEntries(each(size, (n) => [`example.com/${n}`, "x"]))),
  "mistyped annotations": (size) =>
    annotated(Object.fromEntries(each(size, (n) => [`podrole.dev/x${n}`, "x"]))),
  "roles of containers": (size) =>
    annotated(Object.fromEntries(each(size, (n) => [`podrole.dev/role.c-${n}`, BILLING])), {
      containers: each(size, named),
    }),
  "names of containers that exist": (size) =>
    annotated({ [ANNOTATION.containers]: names(size) }, { containers: each(size, named) }),
  "names of containers that do not exist": (size) =>
    annotated(
      {
        [ANNOTATION.containers]: names(size, "x"),
        [ANNOTATION.skipContainers]: names(size, "y"),
        [ANNOTATION.irsaSkipContainers]: names(size, "z"),
      },
      {
        containers: each(size, named),
      },
    ),
  "session tags": (size) =>
    annotated({
      [ANNOTATION.sessionTags]: JSON.stringify(Object.fromEntries(each(size, (n) => [`t${n}`, "x"]))),
    }),
  "transitive tags": (size) =>
    annotated({ [ANNOTATION.sessionTransitiveTags]: JSON.stringify(each(size, (n) => `t${n}`)) }),
  "policy ARNs": (size) =>
    annotated({
      [ANNOTATION.sessionPolicyArns]: JSON.stringify(each(size, (n) => `arn:aws:iam::aws:policy/P${n}`)),
    }),
  "fields that podrole does not know": (size) => one({ unknown: each(size, (n) => ({ n })) }),
};

const grants = (size: number): Facts =>
  facts({
    grants: each(size, (n) => grant(`g${n}`, { namespaces: ["shop"], roles: each(5, (m) => `*${n}-${m}*`) })),
  });

describe.for(Object.entries(SHAPES))("the work grows in proportion to the number of %s", ([, shape]) => {
  test("when a pod is created", () => {
    expect(
      growth((size) => stepsFor({ operation: "CREATE", resource: PODS, object: shape(size) }, facts())),
    ).toBeLessThan(LINEAR);
  });

  test("when it is created where its source opens the guard", () => {
    const node = { source: "node", policy: "off" };
    expect(
      growth((size) => stepsFor({ operation: "CREATE", resource: PODS, object: shape(size) }, facts(), node)),
    ).toBeLessThan(LINEAR);
  });

  test("when it is reviewed again, and when it is changed", () => {
    const done = [SMALL, MIDDLE, LARGE].map((size): [number, Pod] => {
      const given = shape(size);
      try {
        return [size, injected(given)];
      } catch {
        // Such a pod is denied, so a client has to write guard and sidecar.
        return [
          size,
          { ...given, spec: { ...given.spec, initContainers: injected(pod()).spec.initContainers ?? [] } },
        ];
      }
    });
    const of = new Map(done);
    const object = (size: number) => of.get(size);
    expect(
      growth((size) => stepsFor({ operation: "CREATE", resource: PODS, object: object(size) }, facts())),
    ).toBeLessThan(LINEAR);
    for (const subResource of ["", "ephemeralcontainers", "resize"]) {
      expect(
        growth((size) =>
          stepsFor(
            {
              operation: "UPDATE",
              resource: PODS,
              subResource,
              object: object(size),
              oldObject: shape(size),
            },
            facts(),
          ),
        ),
      ).toBeLessThan(LINEAR);
    }
  });

  test("when it is the template of a workload", () => {
    const deployment = (template: Pod) => ({ apiVersion: "apps/v1", kind: "Deployment", spec: { template } });
    expect(
      growth((size) =>
        stepsFor({ operation: "CREATE", resource: DEPLOYMENTS, object: deployment(shape(size)) }, facts()),
      ),
    ).toBeLessThan(LINEAR);
  });
});

describe("the work grows in proportion to the number of", () => {
  const started = injected(pod());
  const withEphemeral = (size: number, over: object = {}): Pod => ({
    ...started,
    spec: { ...started.spec, ephemeralContainers: each(size, (n) => named(n, over)) },
  });
  const update = { operation: "UPDATE", resource: PODS, subResource: "ephemeralcontainers" };

  test.for([
    ["ephemeral containers that are stored", (size: number) => [withEphemeral(size), withEphemeral(size)]],
    ["ephemeral containers that are added", (size: number) => [started, withEphemeral(size)]],
    [
      "ephemeral containers that are changed",
      (size: number) => [withEphemeral(size), withEphemeral(size, privileged)],
    ],
  ] as const)("%s", ([, both]) => {
    expect(
      growth((size) => {
        const [oldObject, object] = both(size);
        return stepsFor({ ...update, object, oldObject }, facts());
      }),
    ).toBeLessThan(LINEAR);
  });

  test("grants, and their globs", () => {
    expect(
      growth((size) =>
        stepsFor({ operation: "CREATE", resource: PODS, object: annotated({}) }, grants(size)),
      ),
    ).toBeLessThan(LINEAR);
  });
});
