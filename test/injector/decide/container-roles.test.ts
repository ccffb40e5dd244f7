import { describe, expect, test } from "vitest";
import { resultForPodUpdate } from "../../../injector/review/pod-update.ts";
import { sha256 } from "../../../injector/mutate/token.ts";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { APP_ENV, CONTAINER } from "../../../sidecar/contract/pod.ts";
import { parseConfig } from "../../../sidecar/config/config.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { startedWith } from "../../support/kubelet.ts";
import { FRESH, admitted, containerNamed, denials, envOf, injected, pod } from "../../support/pods.ts";
import type { Fresh } from "../../../injector/mutate/fresh.ts";

const WRITER = "arn:aws:iam::111122223333:role/billing-writer";
const roleOf = (container: string): string => `${CONTAINER_ROLE_PREFIX}${container}`;
const containers = [
  { name: "app", image: "shop/app:1" },
  { name: "uploader", image: "shop/uploader:1" },
];
const two = (annotations: Readonly<Record<string, string>> = {}) =>
  pod({ containers }, { [ANNOTATION.role]: BILLING, [roleOf("uploader")]: WRITER, ...annotations });

/** New tokens, as the webhook makes them: never the same one twice. */
function fresh(prefix = "a"): Fresh {
  let given = 0;
  return { ...FRESH, token: () => `${prefix}${given++}`.padEnd(43, "-") };
}
const settled = (one = two(), prefix?: string) => injected(one, facts(), config(), fresh(prefix));
const tokenIn = (one: ReturnType<typeof settled>, name: string): string | undefined =>
  envOf(containerNamed(one, name))[APP_ENV.token];

describe("a container with a role of its own", () => {
  test("has its own token, for which the sidecar knows the role", () => {
    const after = settled();
    const { identities } = parseConfig(startedWith(after, CONTAINER.sidecar));
    expect(
      identities.map(({ name, steps, tokenSha256 }) => [
        name,
        steps.at(-1)?.roleArn,
        tokenSha256?.toString("hex"),
      ]),
    ).toEqual([
      ["pod", BILLING, sha256(tokenIn(after, "app") ?? "")],
      ["container/uploader", WRITER, sha256(tokenIn(after, "uploader") ?? "")],
    ]);
    expect(tokenIn(after, "app")).not.toBe(tokenIn(after, "uploader"));
  });

  test("keeps its token at every later pass, also when the containers' order changes", () => {
    const first = settled();
    expect(settled(first, "b")).toEqual(first);
    const turned = { ...first, spec: { ...first.spec, containers: first.spec.containers.toReversed() } };
    const again = settled(turned, "b");
    for (const name of ["app", "uploader"]) expect(tokenIn(again, name)).toBe(tokenIn(first, name));
  });

  test("shares no token with a container that another webhook adds", () => {
    const first = settled();
    const added = {
      ...first,
      spec: { ...first.spec, containers: [...first.spec.containers, { name: "x" }] },
    };
    expect(tokenIn(settled(added, "b"), "x")).toBe(tokenIn(first, "app"));
  });

  test("is judged by the rules for its own role", () => {
    const enforced = config({ policy: "enforce" });
    const known = (roles: string) => facts({ annotations: { [ANNOTATION.namespaceAllowedRoles]: roles } });
    expect(denials(two(), known('["*billing-reader"]'), enforced)).toEqual(["ROLE_NOT_ALLOWED"]);
    expect(denials(two(), known('["*billing-writer"]'), enforced)).toEqual(["ROLE_NOT_ALLOWED"]);
    expect(admitted(two(), known('["*billing-*"]'), enforced).kind).toBe("inject");
  });

  test("leaves the other containers without a token when the pod has no role", () => {
    const after = settled(pod({ containers }, { [roleOf("uploader")]: WRITER }));
    expect(tokenIn(after, "app")).toBeUndefined();
    expect(tokenIn(after, "uploader")).toBeDefined();
  });

  test("keeps the pod's own role for a container that another webhook adds later", () => {
    const first = settled(
      pod(
        { containers },
        { [ANNOTATION.role]: BILLING, [roleOf("app")]: WRITER, [roleOf("uploader")]: WRITER },
      ),
    );
    const names = parseConfig(startedWith(first, CONTAINER.sidecar)).identities.map(({ name }) => name);
    expect(names).toEqual(["pod", "container/app", "container/uploader"]);
    const added = {
      ...first,
      spec: { ...first.spec, containers: [...first.spec.containers, { name: "x" }] },
    };
    const again = settled(added, "b");
    expect(tokenIn(again, "x")).toBeDefined();
    expect(tokenIn(again, "app")).toBe(tokenIn(first, "app"));
    expect(settled(again, "c")).toEqual(again);
  });

  test("gets the same sidecar for any order of the annotations", () => {
    const roles = { [roleOf("uploader")]: WRITER, [roleOf("app")]: BILLING };
    const turned = Object.fromEntries(Object.entries(roles).toReversed());
    const identities = (given: Record<string, string>) =>
      parseConfig(startedWith(settled(pod({ containers }, given)), CONTAINER.sidecar)).identities;
    expect(identities(turned)).toEqual(identities(roles));
    const first = settled(pod({ containers }, roles));
    const sorted = { ...first.metadata?.annotations, ...turned };
    const metadata = {
      ...first.metadata,
      annotations: Object.fromEntries(Object.entries(sorted).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    };
    expect(admitted({ ...first, metadata }, facts(), config(), fresh("b")).kind).toBe("inject");
  });
});

test("two identities get different tokens even if the manifest gives both the same", () => {
  const first = settled();
  const [a, b] = [tokenIn(first, "app") ?? "", tokenIn(first, "uploader") ?? ""];
  const forged = JSON.parse(
    JSON.stringify(first).replaceAll(sha256(b), sha256(a)).replaceAll(b, a),
  ) as typeof first;
  const { identities } = parseConfig(startedWith(settled(forged, "b"), CONTAINER.sidecar));
  expect(new Set(identities.map(({ tokenSha256 }) => tokenSha256?.toString("hex"))).size).toBe(2);
});

test("a sidecar with podrole's name and another role is refused", () => {
  const forged = JSON.parse(JSON.stringify(settled()).replace("billing-writer", "admin")) as unknown;
  // Once, in the annotation. The sidecar's variables then no longer match it.
  expect(denials(forged, facts(), config(), fresh("b"))).toEqual(["INJECTED_DIFFERENTLY"]);
});

describe("a role is refused", () => {
  test.for([
    ["for a container that the pod does not have", { [roleOf("nobody")]: WRITER }, "CONTAINER_UNKNOWN"],
    ["for no container at all", { [roleOf("")]: WRITER }, "CONTAINER_UNKNOWN"],
    ["for a key of every object", { [roleOf("constructor")]: WRITER }, "CONTAINER_UNKNOWN"],
    ["for podrole's own container", { [roleOf(CONTAINER.sidecar)]: WRITER }, "CONTAINER_UNKNOWN"],
    ["that is malformed", { [roleOf("app")]: "admin admin" }, "ROLE_MALFORMED"],
    ["that is empty", { [roleOf("app")]: "" }, "ROLE_MALFORMED"],
    ["that needs a base", { [roleOf("app")]: "admin" }, "ROLE_NEEDS_BASE_ARN"],
    [
      "to a container that gets no credentials",
      { [roleOf("app")]: WRITER, [ANNOTATION.skipContainers]: "app" },
      "ANNOTATION_INVALID",
    ],
    [
      "of another partition",
      { [roleOf("app")]: "arn:aws-cn:iam::111122223333:role/x" },
      "ANNOTATION_INVALID",
    ],
  ] as const)("%s", ([, annotations, code]) => {
    expect(denials(two(annotations), facts(), config(), fresh())).toEqual([code]);
  });

  test("when more containers have roles than a sidecar holds sessions for", () => {
    const many = Array.from({ length: 10 }, (_, index) => ({ name: `c${index}` }));
    const roles = Object.fromEntries(many.map(({ name }) => [roleOf(name), WRITER]));
    expect(denials(pod({ containers: many }, roles))).toEqual(["ANNOTATION_INVALID"]);
    const { [roleOf("c9")]: _, ...nine } = roles;
    expect(admitted(pod({ containers: many }, { ...nine, [ANNOTATION.role]: BILLING })).kind).toBe("inject");
  });

  test("on the node's network even if the pod itself has no role", () => {
    const one = pod({ containers, hostNetwork: true }, { [roleOf("app")]: WRITER });
    expect(denials(one, facts(), config({ hostNetwork: "warn" }))).toEqual(["HOST_NETWORK"]);
  });
});

test.for([
  ["changed", { [roleOf("uploader")]: BILLING }],
  ["added", { [roleOf("app")]: BILLING }],
] as const)("an annotation that gives a container a role cannot be %s while the pod runs", ([, over]) => {
  const before = settled();
  const annotations = { ...before.metadata?.annotations, ...over };
  const review = {
    uid: "1",
    operation: "UPDATE",
    resource: "/pods",
    namespace: "shop",
    username: "dev",
    dryRun: false,
    object: { ...before, metadata: { ...before.metadata, annotations } },
    oldObject: before,
  };
  const { decision, findings } = resultForPodUpdate(review, facts(), config());
  expect([decision, findings.map(({ code }) => code)]).toEqual(["deny", ["POD_FROZEN"]]);
});

test("no token is in the sidecar's variables, and each container has only its own", () => {
  const after = settled();
  const sidecar = JSON.stringify(containerNamed(after, CONTAINER.sidecar));
  const [a, b] = [tokenIn(after, "app") ?? "?", tokenIn(after, "uploader") ?? "?"];
  expect([sidecar.includes(a), sidecar.includes(b)]).toEqual([false, false]);
  expect(JSON.stringify(containerNamed(after, "app"))).not.toContain(b);
  expect(JSON.stringify(containerNamed(after, "uploader"))).not.toContain(a);
  expect(envOf(containerNamed(after, CONTAINER.sidecar))[ENV.identities]).toContain(sha256(b));
});
