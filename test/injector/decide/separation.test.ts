import { describe, expect, test } from "vitest";
import type { Container, Pod, PodSpec, SecurityContext } from "../../../injector/model/pod.ts";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { admitted, app, codes, containerNamed, denials, injected, pod } from "../../support/pods.ts";

const CODE = "CONTAINERS_NOT_SEPARATED";
const confined: SecurityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const container = (name: string, securityContext: unknown = confined): Container => ({
  ...app,
  name,
  securityContext: securityContext as SecurityContext,
});
const shipper = (securityContext?: unknown): Container => container("shipper", securityContext);
const migrate = { ...container("migrate", {}) };
const skipping = (name: string) => ({ [ANNOTATION.role]: BILLING, [ANNOTATION.skipContainers]: name });

/** A pod whose containers app and shipper differ: the shipper gets no credentials. */
const two = (other: Container, spec: Partial<PodSpec> = {}): Pod =>
  pod({ containers: [container("app"), other], ...spec }, skipping("shipper"));
const warned = (one: Pod, settings = config()): boolean => codes(one, facts(), settings).includes(CODE);

describe("a container that may not have its neighbour's role", () => {
  test.for<readonly [string, unknown]>([
    ["sets nothing", {}],
    ["has no security context", null],
    ["leaves privilege escalation open", { capabilities: { drop: ["ALL"] }, runAsUser: 1000 }],
    ["allows privilege escalation", { ...confined, allowPrivilegeEscalation: true }],
    ["is root and keeps SETUID", { allowPrivilegeEscalation: false, runAsUser: 0 }],
    ["keeps SETUID, with the image's uid", { allowPrivilegeEscalation: false }],
    ["drops CAP_SETUID, which drops nothing", { ...confined, capabilities: { drop: ["CAP_SETUID"] } }],
    ["adds SETUID again", { ...confined, capabilities: { drop: ["ALL"], add: ["SETUID"] } }],
  ])("is named in a warning when it %s", ([, securityContext]) => {
    const { findings } = admitted(two(shipper(securityContext)));
    expect(findings).toMatchObject([{ code: CODE, severity: "warn" }]);
    expect(findings[0]?.message).toContain('Container "shipper" can become');
  });

  test.for<readonly [string, SecurityContext, Partial<PodSpec>]>([
    ["drops ALL", confined, {}],
    ["drops SETUID", { ...confined, capabilities: { drop: ["SETUID"] }, runAsUser: 0 }, {}],
    ["has a uid that is not root", { allowPrivilegeEscalation: false, runAsUser: 1000 }, {}],
    ["may not be root", { allowPrivilegeEscalation: false, runAsNonRoot: true }, {}],
    ["has the pod's uid", { allowPrivilegeEscalation: false }, { securityContext: { runAsUser: 1000 } }],
    [
      "may not be root, by the pod",
      { allowPrivilegeEscalation: false },
      { securityContext: { runAsNonRoot: true } },
    ],
  ])("causes none when privilege escalation is off and it %s", ([, securityContext, spec]) => {
    expect(warned(two(shipper(securityContext), spec))).toBe(false);
  });

  test("is named beside others in one warning for the pod", () => {
    const several = two(shipper({}), {
      containers: ["app", "shipper", "b"].map((name) => container(name, {})),
    });
    const { findings } = admitted({
      ...several,
      metadata: { annotations: { ...skipping("b"), [`${CONTAINER_ROLE_PREFIX}shipper`]: `${BILLING}-2` } },
    });
    expect(findings.filter(({ code }) => code === CODE).map(({ message }) => message)).toEqual([
      expect.stringContaining('Containers "app", "shipper", "b" can become') as string,
    ]);
  });

  test("alone is named: its neighbour has nothing to gain from it", () => {
    const [warning] = admitted(
      two(shipper({}), { containers: [container("app", {}), shipper({})] }),
    ).findings;
    expect(warning?.message).toContain('Container "shipper" can');
  });

  test.for(["off", "verify"] as const)(
    "is named even if it is confined when no rule keeps the sidecar's port: guard %s",
    (guard) => {
      const { findings } = admitted(two(shipper()), facts(), config({ guard }));
      const warnings = findings.filter(({ code }) => code === CODE);
      expect(warnings.map(({ message }) => message)).toEqual([
        expect.stringContaining('Container "shipper" can listen at the sidecar\'s port') as string,
      ]);
    },
  );

  test("causes no warning in source node, where every container is confined", () => {
    const settings = config({ source: "node", policy: "off" });
    const one = two(shipper({ runAsUser: 1 }), { securityContext: { runAsUser: 2 } });
    expect(admitted(one, facts(), settings)).toMatchObject({ kind: "inject", findings: [] });
  });
});

describe("no warning is given", () => {
  test("where all containers have one role", () => {
    expect(warned(pod({ containers: [container("app", {}), shipper({})] }))).toBe(false);
  });

  test("where no container has credentials", () => {
    expect(warned(pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.containers]: "" }))).toBe(false);
  });

  test("about an init container, which has ended before the others start", () => {
    expect(warned(pod({ initContainers: [migrate] }, skipping("migrate")))).toBe(false);
    expect(warned(pod({ initContainers: [migrate], containers: [shipper()] }, skipping("shipper")))).toBe(
      false,
    );
  });
});

test("an init container is warned about beside a native sidecar, which runs on", () => {
  const native = { ...shipper(), restartPolicy: "Always" };
  expect(warned(pod({ initContainers: [native, migrate] }, skipping("migrate")))).toBe(true);
  expect(warned(pod({ initContainers: [{ ...native, securityContext: {} }] }, skipping("shipper")))).toBe(
    true,
  );
});

describe("without a guard, the pod's network", () => {
  const off = facts({ annotations: { [ANNOTATION.guard]: "off" } });
  const adding = (capability: string, name = "shipper"): Container =>
    container(name, { ...confined, capabilities: { add: [capability] } });

  test.for(["NET_RAW", "NET_ADMIN"])(
    "is not given by %s to a container, in any list, whose neighbour has another role",
    (capability) => {
      expect(denials(two(adding(capability)), off)).toEqual(["CAPABILITY_FORBIDDEN"]);
      expect(
        denials(two(container("shipper"), { initContainers: [adding(capability, "init")] }), off),
      ).toEqual(["inject"]);
      const init = pod({ initContainers: [adding(capability, "init")] }, skipping("init"));
      expect(denials(init, off)).toEqual(["CAPABILITY_FORBIDDEN"]);
    },
  );

  test("may be given to a container that all others share the role of, or that alone has one", () => {
    expect(denials(pod({ containers: [app, adding("NET_RAW")] }), off)).toEqual(["inject"]);
    expect(denials(pod({ containers: [app, adding("NET_RAW")] }, skipping("app")), off)).toEqual(["inject"]);
  });

  test("is not readable by a container that does not ask for NET_RAW, which many runtimes give it", () => {
    const after = injected(pod({ containers: [app, adding("NET_RAW")] }), off);
    expect(containerNamed(after, "app").securityContext?.capabilities?.drop).toEqual(["NET_RAW"]);
    expect(containerNamed(after, "shipper").securityContext?.capabilities).toEqual({ add: ["NET_RAW"] });
    expect(denials(pod({}, {}), off)).toEqual(["skip"]);
  });
});
