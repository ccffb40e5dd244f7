import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isRecord, type Fields } from "../../../injector/model/read.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { isPodroleContainer } from "../../../injector/model/user-containers.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import { applied } from "../../support/additions.ts";
import { TOKEN } from "../../support/pods.ts";
import { pods } from "./arbitraries.ts";
import { afterPass, OTHER_TOKEN, pass, settings } from "./settings.ts";

/** Whatever others do to guard and sidecar: the pod is denied, or podrole's patch makes them exactly what it wrote. */

const FIELDS =
  `args workingDir ports envFrom env volumeMounts volumeDevices resizePolicy image command lifecycle livenessProbe restartPolicy
  restartPolicyRules resources future securityContext imagePullPolicy terminationMessagePath stdin __proto__`.split(
    /\s+/,
  );
const variable = fc.record({
  name: fc.constantFrom(
    "DD_AGENT_HOST",
    "NODE_OPTIONS",
    "AWS_ROLE_ARN",
    "PODROLE_OPEN_UID",
    "PODROLE_IDENTITIES",
  ),
  value: fc.constantFrom("0", "x", "[]", '[{"name":"","tokenSha256":""}]'),
});
const mount = fc.record({
  name: fc.constantFrom("certs", "podrole-token", "podrole-identity-0", "podrole-no-api-token"),
  mountPath: fc.constantFrom(
    "/certs",
    "/usr",
    "/run/podrole/sts",
    "/var/run/secrets/kubernetes.io/serviceaccount",
  ),
});
const amounts = fc.dictionary(
  fc.constantFrom("cpu", "memory", "ephemeral-storage", "vendor.example/device"),
  fc.constantFrom("1", "1m", "1Gi", "6Mi"),
);

interface Edit {
  readonly kind: "env" | "volumeMounts" | "resources" | "field" | "nested" | "removal";
  readonly at: number;
  readonly key: string;
  readonly value: unknown;
}

/** As a review brings it: JSON is written without -0, which is not equal to 0 here. */
const json = fc.jsonValue({ maxDepth: 1 }).map((value): unknown => JSON.parse(JSON.stringify(value)));

/** Fields that neither guard nor sidecar has. */
const ADDED =
  "args workingDir ports envFrom volumeDevices livenessProbe restartPolicyRules future stdin".split(" ");

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({
    kind: fc.constant("field" as const),
    at: fc.constant(0),
    key: fc.constantFrom(...ADDED),
    value: json,
  }),
  fc.record({ kind: fc.constant("env" as const), at: fc.nat(40), key: fc.constant(""), value: variable }),
  fc.record({
    kind: fc.constant("volumeMounts" as const),
    at: fc.nat(5),
    key: fc.constant(""),
    value: mount,
  }),
  fc.record({
    kind: fc.constant("resources" as const),
    at: fc.nat(1),
    key: fc.constantFrom("requests", "limits"),
    value: amounts,
  }),
  fc.record({
    kind: fc.constantFrom("field" as const, "nested" as const, "removal" as const),
    at: fc.nat(40),
    key: fc.constantFrom(...FIELDS),
    value: json,
  }),
);

/** One change of a container as plain JSON. It may not apply. */
function edited(container: Fields, { kind, at, key, value }: Edit): Fields {
  const list = container[kind];
  const nested = container[key];
  switch (kind) {
    case "env":
    case "volumeMounts":
      return Array.isArray(list) ? { ...container, [kind]: list.toSpliced(at, 0, value) } : container;
    case "resources":
      return { ...container, resources: { ...(isRecord(list) ? list : {}), [key]: value } };
    case "field":
      return Object.fromEntries([...Object.entries(container), [key, value]]);
    case "removal":
      return Array.isArray(nested)
        ? { ...container, [key]: nested.toSpliced(at, 1) }
        : Object.fromEntries(Object.entries(container).filter(([name]) => name !== key));
    case "nested":
      if (Array.isArray(nested)) return { ...container, [key]: [...(nested as unknown[]), value] };
      return isRecord(nested) ? { ...container, [key]: { ...nested, [`x${at}`]: value } } : container;
  }
}

const ownIn = ({ spec }: Pod): readonly Container[] => (spec.initContainers ?? []).filter(isPodroleContainer);

/** Without what others may set: amounts, the policy for a resize, and the mask of /proc written out. */
function fixed(container: Container): Fields {
  const { resources, resizePolicy: _, imagePullPolicy, securityContext, ...rest } = container;
  const { procMount, ...context } = securityContext ?? {};
  const { requests: __, limits: ___, ...others } = isRecord(resources) ? resources : {};
  expect(["IfNotPresent", "Always"]).toContain(imagePullPolicy);
  expect([undefined, "Default"]).toContain(procMount);
  return { ...rest, context, others };
}

const amountsIn = (container: Container): readonly string[] =>
  ["requests", "limits"].flatMap((kind) => {
    const { resources } = container;
    const of = isRecord(resources) ? resources[kind] : undefined;
    return isRecord(of) ? Object.keys(of) : [];
  });

test("after any change of guard and sidecar the pod is denied, or they are what podrole wrote", () => {
  const seen = { restored: 0, deny: 0, skip: 0, same: 0 };
  fc.assert(
    fc.property(
      pods,
      settings,
      fc.array(fc.tuple(fc.boolean(), edit), { minLength: 1, maxLength: 3 }),
      (object, name, edits) => {
        const first = afterPass(object, name, TOKEN);
        if (first === undefined) return;
        const places = ownIn(first).length;
        const initContainers = (first.spec.initContainers ?? []).map((container, index) =>
          edits
            .filter(([isFirst]) => index === (isFirst || places < 2 ? 0 : 1))
            .reduce<Container>((one, [, change]) => edited(one, change) as Container, container),
        );
        const changed: Pod = { ...first, spec: { ...first.spec, initContainers } };
        const outcome = pass(changed, name, OTHER_TOKEN);
        if (outcome.kind !== "inject") {
          seen[outcome.kind] += 1;
          return;
        }
        seen[isDeepStrictEqual(changed, first) ? "same" : "restored"] += 1;
        const end = applied(changed, patchBetween(outcome.before, outcome.after));
        expect(end).toEqual(outcome.after);
        expect(ownIn(end).map(fixed)).toEqual(ownIn(first).map(fixed));
        for (const kind of ownIn(end).flatMap(amountsIn))
          expect(["cpu", "memory", "ephemeral-storage"]).toContain(kind);
        expect(end.spec.containers).toEqual(first.spec.containers);
        expect(patchBetween(end, afterPass(end, name, OTHER_TOKEN) ?? end)).toEqual([]);
      },
    ),
    { numRuns: 400 },
  );
  expect(seen.restored).toBeGreaterThan(10);
  expect(seen.deny).toBeGreaterThan(10);
  expect(seen.skip).toBe(0);
});
