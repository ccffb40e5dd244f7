import { describe, expect, test } from "vitest";
import { parseReview } from "../../../injector/review/admission-review.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import type { AdmissionResult } from "../../../injector/review/admission-result.ts";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";
import { applied } from "../../support/additions.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { istioInit, linkerdInit } from "../../support/mesh-inits.ts";
import { FRESH, app, envOf, everyContainer, injected, plainPod, pod, TOKEN } from "../../support/pods.ts";
import { started } from "../../support/started.ts";

const running = started(injected(pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.region]: "eu-west-1" })));
const guardedOnly = started(injected(plainPod()));
const node = config({ source: "node", policy: "off" });
const withNode = started(
  injected(pod({ containers: [{ ...app, securityContext: { runAsUser: 1000 } }] }), facts(), node),
);

const updated = (
  object: unknown,
  oldObject: unknown = running,
  subResource = "",
  known = facts(),
  settings = config(),
): AdmissionResult =>
  resultForReview(
    parseReview({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        uid: "u",
        resource: { group: "", resource: "pods" },
        subResource,
        namespace: "shop",
        operation: "UPDATE",
        object,
        oldObject,
      },
    }),
    known,
    settings,
    FRESH,
  );

const annotated = (key: string, value: string | undefined): Pod => ({
  ...running,
  metadata: {
    ...running.metadata,
    annotations: JSON.parse(JSON.stringify({ ...running.metadata?.annotations, [key]: value })),
  },
});

describe("of a running pod", () => {
  test.for([
    ANNOTATION.role,
    ANNOTATION.status,
    ANNOTATION.irsaSkipContainers,
    ANNOTATION.externalId,
    ANNOTATION.containers,
    ANNOTATION.imds,
    ANNOTATION.imdsV1,
  ])("the annotation %s cannot be changed, added or removed", (key) => {
    const before = annotated(key, "before");
    for (const [was, is] of [
      [before, annotated(key, "after")],
      [annotated(key, undefined), before],
      [before, annotated(key, undefined)],
    ] as const) {
      const result = updated(is, was);
      expect(result).toMatchObject({ decision: "deny", operations: [] });
      expect(result.findings.map(({ code }) => code)).toEqual(["POD_FROZEN"]);
    }
  });

  test.for(["podrole-guard", "podrole-sidecar"])("the image of %s cannot be changed", (name) => {
    const changed = everyContainer(running, (one) => (one.name === name ? { ...one, image: "evil" } : one));
    expect(updated(changed)).toMatchObject({ decision: "deny", findings: [{ code: "POD_FROZEN" }] });
  });

  test.for([istioInit, linkerdInit])(
    "the image of $name cannot be changed: it may have NET_ADMIN",
    (init) => {
      const meshed: Pod = {
        ...running,
        spec: { ...running.spec, initContainers: [...(running.spec.initContainers ?? []), init] },
      };
      const changed = everyContainer(meshed, (one) =>
        one.name === init.name ? { ...one, image: "evil" } : one,
      );
      expect(updated(changed, meshed)).toMatchObject({
        decision: "deny",
        findings: [{ code: "POD_FROZEN" }],
      });
      expect(updated(meshed, meshed)).toMatchObject({ decision: "allow" });
    },
  );

  test("other annotations, labels, finalizers and the app's image can be changed", () => {
    const changed: Pod = {
      ...annotated("example.com/note", "x"),
      spec: {
        ...running.spec,
        containers: [{ ...(running.spec.containers[0] ?? app), image: "shop/app:2" }],
      },
    };
    const labelled = { ...changed, metadata: { ...changed.metadata, labels: { a: "b" }, finalizers: [] } };
    expect(updated(labelled)).toEqual({ decision: "allow", operations: [], findings: [] });
  });

  test("without guard and sidecar, or in a namespace without the label, anything can be changed", () => {
    const [before, after] = [pod(), pod({}, { [ANNOTATION.role]: "other" })];
    expect(updated(after, before)).toMatchObject({ decision: "allow" });
    const elsewhere = facts({ labels: { "podrole.dev/inject": "" } });
    expect(updated(annotated(ANNOTATION.role, "x"), running, "", elsewhere)).toMatchObject({
      decision: "skip",
    });
  });

  test.for([null, 7, {}, { spec: 7 }])("an odd update is denied: %j", (odd) => {
    expect(updated(odd)).toMatchObject({ decision: "deny", findings: [{ code: "OBJECT_MALFORMED" }] });
    expect(updated(running, odd)).toMatchObject({
      decision: "deny",
      findings: [{ code: "OBJECT_MALFORMED" }],
    });
  });
});

describe("an ephemeral container", () => {
  const debug = (over: Partial<Container> = {}): Container => ({
    name: "debugger",
    image: "busybox",
    ...over,
  });
  const debugged = (over: Partial<Container>, one: Pod = running): Pod => ({
    ...one,
    spec: { ...one.spec, ephemeralContainers: [...(one.spec.ephemeralContainers ?? []), debug(over)] },
  });
  const added = (over: Partial<Container> = {}, one: Pod = running): AdmissionResult =>
    updated(debugged(over, one), one, "ephemeralcontainers");
  const result = (over: Partial<Container> = {}, one: Pod = running): Container => {
    const after = applied(debugged(over, one), added(over, one).operations);
    return after.spec.ephemeralContainers?.at(-1) ?? debug();
  };

  test("gets the pod's credentials and region, and loses NET_RAW", () => {
    const { env = [], securityContext } = result();
    const [first] = running.spec.containers;
    expect(envOf({ name: "x", env })).toEqual(envOf(first ?? app));
    expect(envOf({ name: "x", env })[APP_ENV.token]).toBe(TOKEN);
    expect(envOf({ name: "x", env })[APP_ENV.region]).toBe("eu-west-1");
    expect(securityContext?.capabilities?.drop).toEqual(["NET_RAW"]);
  });

  test("gets no credentials in a pod without any, or when the pod names other containers for them", () => {
    expect(result({}, guardedOnly)).toEqual(
      debug({ securityContext: { capabilities: { drop: ["NET_RAW"] } } }),
    );
    const picked = started(injected(pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.containers]: "app" })));
    expect(result({}, picked).env).toBeUndefined();
  });

  test.for([
    ["privileged", { securityContext: { privileged: true } }, "PRIVILEGED"],
    ["with NET_ADMIN", { securityContext: { capabilities: { add: ["NET_ADMIN"] } } }, "CAPABILITY_FORBIDDEN"],
    ["with NET_RAW", { securityContext: { capabilities: { add: ["cap_net_raw"] } } }, "CAPABILITY_FORBIDDEN"],
    [
      "with SYS_PTRACE",
      { securityContext: { capabilities: { add: ["SYS_PTRACE"] } } },
      "CAPABILITY_FORBIDDEN",
    ],
    ["with the uid of the pod's sidecar", { securityContext: { runAsUser: SIDECAR_UID } }, "SIDECAR_UID"],
    [
      "that mounts the token's volume",
      { volumeMounts: [{ name: "podrole-token", mountPath: "/t" }] },
      "RESERVED_NAME",
    ],
    ["with a reserved name", { name: "podrole-debug" }, "RESERVED_NAME"],
    ["that targets the sidecar", { targetContainerName: "podrole-sidecar" }, "EPHEMERAL_TARGET"],
    ["that targets the guard", { targetContainerName: "podrole-guard" }, "EPHEMERAL_TARGET"],
    ["that targets a mesh's init container", { targetContainerName: "istio-init" }, "EPHEMERAL_TARGET"],
  ] as const)("%s is denied", ([, over, code]) => {
    expect(added(over)).toMatchObject({ decision: "deny", operations: [], findings: [{ code }] });
  });

  test("may run as a uid that other pods' sidecars have", () => {
    const { findings } = added({ securityContext: { runAsUser: SIDECAR_UID + 1 } });
    expect(findings).toEqual([]);
  });

  describe("of a pod with its token in a file", () => {
    const file = { [ANNOTATION.role]: BILLING, [ANNOTATION.token]: "file" };
    const mount = {
      name: "podrole-identity-0",
      mountPath: "/var/run/secrets/podrole.dev/credentials",
      readOnly: true,
    };
    const byFile = started(injected(pod({}, file)));

    test("gets the file of the pod's own identity, whatever the setting is now", () => {
      const { env = [], volumeMounts } = result({}, byFile);
      const [first] = byFile.spec.containers;
      expect(envOf({ name: "x", env })).toEqual(envOf(first ?? app));
      expect(volumeMounts).toEqual([mount]);
      const role = { [`${CONTAINER_ROLE_PREFIX}app`]: `${BILLING}-writer` };
      const both = started(injected(pod({ containers: [app, { name: "b" }] }, { ...file, ...role })));
      expect(result({}, both).volumeMounts).toEqual([mount]);
    });

    test("is denied when a mount of its own is in the place of the token", () => {
      const volumeMounts = [{ name: "data", mountPath: "/run/secrets/podrole.dev/credentials" }];
      expect(added({ volumeMounts }, byFile)).toMatchObject({
        decision: "deny",
        findings: [{ code: "TOKEN_MOUNT_BLOCKED" }],
      });
    });

    test("gets no file of a container's own identity", () => {
      const alone = started(
        injected(pod({}, { [`${CONTAINER_ROLE_PREFIX}app`]: BILLING, [ANNOTATION.token]: "file" })),
      );
      expect(result({}, alone).volumeMounts).toBeUndefined();
      expect(added({ volumeMounts: [mount] }, alone)).toMatchObject({
        decision: "deny",
        findings: [{ code: "RESERVED_NAME" }],
      });
    });

    test.for([
      ["another place", { ...mount, mountPath: "/t" }],
      ["a writable one", { ...mount, readOnly: false }],
      ["another identity's", { ...mount, name: "podrole-identity-1" }],
    ] as const)("is denied when it mounts the token at %s", ([, volumeMount]) => {
      expect(added({ volumeMounts: [volumeMount] }, byFile)).toMatchObject({
        decision: "deny",
        findings: [{ code: "RESERVED_NAME" }],
      });
    });
  });

  test("may target an app container", () => {
    expect(added({ targetContainerName: "app" })).toMatchObject({ decision: "inject", findings: [] });
  });

  test("of a pod with source node needs a known uid even if the setting has changed since", () => {
    expect(added({}, withNode)).toMatchObject({ decision: "deny", findings: [{ code: "UID_UNKNOWN" }] });
    const setuid = { securityContext: { runAsUser: 1000, capabilities: { add: ["SETUID"] } } };
    expect(added(setuid, withNode)).toMatchObject({
      decision: "deny",
      findings: [{ code: "CAPABILITY_FORBIDDEN" }],
    });
    const known = result({ securityContext: { runAsUser: 1000 } }, withNode);
    expect(known.securityContext).toEqual({
      runAsUser: 1000,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["NET_RAW", "SETUID", "SETGID"] },
    });
  });

  test("of a pod with source web-identity needs none even if the setting is another, by namespace or by now", () => {
    const answer = updated(debugged({}), running, "ephemeralcontainers", facts(), node);
    expect(answer).toMatchObject({ decision: "inject", findings: [] });
    const [one] = applied(debugged({}), answer.operations).spec.ephemeralContainers ?? [];
    expect(one?.securityContext?.capabilities?.drop).toEqual(["NET_RAW"]);
  });

  test("that exists already is neither checked nor changed again", () => {
    const before = debugged({ securityContext: { privileged: true } });
    const after = debugged({ name: "second" }, before);
    const { decision, operations } = updated(after, before, "ephemeralcontainers");
    expect(decision).toBe("inject");
    expect(operations.every(({ path }) => path.startsWith("/spec/ephemeralContainers/1/"))).toBe(true);
  });

  test("is not checked in a pod without guard and sidecar", () => {
    expect(added({ securityContext: { privileged: true } }, pod())).toMatchObject({ decision: "allow" });
  });
});
