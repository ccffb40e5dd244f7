import { describe, expect, test } from "vitest";
import type { Container, Pod, PodSpec } from "../../../../injector/model/pod.ts";
import { CONTROL_NAMES } from "../../../../injector/decide/baseline/controls.ts";
import { config } from "../../../support/config.ts";
import { facts } from "../../../support/facts.ts";
import { admitted, app, denials, plainPod, pod } from "../../../support/pods.ts";
import { adding, APPARMOR, BASELINE, OF_CONTAINERS, OF_PODS, SECCOMP } from "./attacks.ts";

/** Each control of Pod Security level baseline, with the attacks that it stops. */

const guardOff = facts({ annotations: { "podrole.dev/guard": "off" } });
const LISTS = ["containers", "initContainers", "ephemeralContainers"] as const;

const attacking = (list: (typeof LISTS)[number], container: Partial<Container>): Partial<PodSpec> => ({
  [list]: [{ ...app, name: "evil", ...container }],
});

describe("a container", () => {
  test.for(OF_CONTAINERS)("with $attack is refused in every list", ({ code, container }) => {
    for (const list of LISTS) {
      for (const make of [pod, plainPod]) {
        expect(denials(make(attacking(list, container)))).toEqual([code]);
      }
    }
  });

  test.for(OF_CONTAINERS)(
    "with $attack is refused beside a sidecar without a guard: $withoutGuard",
    ({ code, container, withoutGuard }) => {
      const attack = attacking("initContainers", container);
      expect(denials(pod(attack), guardOff)).toEqual([withoutGuard ? code : "inject"]);
      expect(denials(plainPod(attack), guardOff)).toEqual(["skip"]);
    },
  );

  test.for<readonly [string, Partial<Container>]>([
    [
      "baseline's capabilities",
      {
        securityContext: { capabilities: { add: BASELINE } },
      },
    ],
    ["procMount Default", { securityContext: { procMount: "Default" } }],
    ["a port of its own", { ports: [{ containerPort: 80, hostPort: 0 }] }],
    ["a probe of itself", { livenessProbe: { httpGet: { host: "", port: 80 }, tcpSocket: null } }],
    ["profiles of its own", { securityContext: { seccompProfile: { type: "Localhost" } } }],
    ["the default profile", { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }],
    ["an SELinux level", { securityContext: { seLinuxOptions: { level: "s0:c1", type: "" } as object } }],
    [
      "the type of a container engine",
      { securityContext: { seLinuxOptions: { type: "container_engine_t" } } },
    ],
    ["fields that are null", { ports: null, lifecycle: { preStop: null }, securityContext: null } as never],
  ])("with %s is admitted", ([, container]) => {
    for (const list of LISTS) expect(denials(plainPod(attacking(list, container)))).toEqual(["inject"]);
  });
});

const withAnnotations = (one: Pod, annotations: Readonly<Record<string, string>> = {}): Pod => ({
  ...one,
  metadata: { ...one.metadata, annotations: { ...one.metadata?.annotations, ...annotations } },
});

describe("a pod", () => {
  test.for(OF_PODS)("with $attack is refused", ({ code, spec, annotations }) => {
    for (const make of [pod, plainPod])
      expect(denials(withAnnotations(make(spec), annotations))).toEqual([code]);
  });

  test.for(OF_PODS)(
    "with $attack is refused beside a sidecar without a guard: $withoutGuard",
    ({ code, spec, annotations, withoutGuard }) => {
      expect(denials(withAnnotations(pod(spec), annotations), guardOff)).toEqual([
        withoutGuard ? code : "inject",
      ]);
    },
  );

  test.for<readonly [string, Partial<PodSpec>, Readonly<Record<string, string>>]>([
    ["safe sysctls", { securityContext: { sysctls: [{ name: "net.ipv4.tcp_rmem" }] } }, {}],
    ["a volume of another kind", { volumes: [{ name: "run", hostPath: null, emptyDir: {} }] }, {}],
    ["the default profiles", { securityContext: { seccompProfile: { type: "RuntimeDefault" } } }, {}],
    ["the former annotations for the default", {}, { [SECCOMP]: "docker/default", [APPARMOR]: "" }],
    ["the former annotations for a profile", {}, { [SECCOMP]: "localhost/a", [APPARMOR]: "localhost/a" }],
  ])("with %s is admitted", ([, spec, annotations]) => {
    expect(denials(withAnnotations(plainPod(spec), annotations))).toEqual(["inject"]);
  });

  test("may unmask /proc in a user namespace", () => {
    const containers = [{ ...app, securityContext: { procMount: "Unmasked" } }];
    expect(denials(plainPod({ hostUsers: false, containers }))).toEqual(["inject"]);
    expect(denials(plainPod({ hostUsers: true, containers }))).toEqual(["PRIVILEGED"]);
  });

  test("on the node's network, which a setting admits, is held to the other controls", () => {
    const warn = config({ hostNetwork: "warn" });
    const ports = [{ containerPort: 9100, hostPort: 9100 }];
    expect(denials(plainPod({ hostNetwork: true, containers: [{ ...app, ports }] }), facts(), warn)).toEqual([
      "skip",
    ]);
    const reading = { hostNetwork: true, volumes: [{ name: "all", hostPath: { path: "/" } }] };
    expect(denials(plainPod(reading), facts(), warn)).toEqual(["HOST_PATH"]);
    expect(denials(plainPod({ hostNetwork: true, hostPID: true }), facts(), warn)).toEqual([
      "HOST_NAMESPACE",
    ]);
    expect(denials(plainPod(reading), guardOff, warn)).toEqual(["skip"]);
    const posing = { ...app, name: "podrole-guard", securityContext: { privileged: true } };
    expect(denials(plainPod({ hostNetwork: true, initContainers: [posing] }), facts(), warn)).toEqual([
      "PRIVILEGED",
    ]);
  });
});

test("every control has an attack", () => {
  const attacked = new Set([...OF_CONTAINERS, ...OF_PODS].map(({ control }) => control));
  expect([...attacked].toSorted()).toEqual(CONTROL_NAMES.toSorted());
});

describe("a denial", () => {
  const refused = { containers: [{ ...app, ...adding("NET_ADMIN"), ports: [{ hostPort: 80 }] }] };
  const shownTo = (known = facts()) =>
    admitted(pod({ ...refused, hostPID: true }), known)
      .findings.map(({ message }) => message)
      .join(" ");

  test("names Pod Security level baseline where there is a guard", () => {
    expect(shownTo()).toContain(
      'Container "app" adds the capability NET_ADMIN, which podrole forbids in pods with a guard (Pod Security level baseline).',
    );
  });

  test("does not claim that something could undo the guard where there is none", () => {
    expect(shownTo(guardOff)).toContain("The pod sets hostPID, through which it could reach the sidecar's");
    expect(shownTo(guardOff)).not.toMatch(/remove|undo|bypass|baseline/);
  });

  test("names the spelling that a capability has to have", () => {
    const { findings } = admitted(pod({ containers: [{ ...app, ...adding("cap_chown") }] }));
    expect(findings[0]?.remedy).toBe("Write CHOWN in securityContext.capabilities.add.");
  });
});

describe("a field that a control reads", () => {
  test.for<readonly [string, unknown]>([
    ["containers", [{ ...app, ports: [{ hostPort: "80" }] }]],
    ["containers", [{ ...app, ports: {} }]],
    ["containers", [{ ...app, livenessProbe: "httpGet" }]],
    ["containers", [{ ...app, readinessProbe: { httpGet: { host: 7 } } }]],
    ["containers", [{ ...app, startupProbe: { tcpSocket: [] } }]],
    ["containers", [{ ...app, lifecycle: { preStop: { httpGet: { host: ["169.254.169.254"] } } } }]],
    ["containers", [{ ...app, securityContext: { seccompProfile: "Unconfined" } }]],
    ["containers", [{ ...app, securityContext: { appArmorProfile: { type: ["Unconfined"] } } }]],
    ["containers", [{ ...app, securityContext: { seLinuxOptions: { type: 7 } } }]],
    ["containers", [{ ...app, securityContext: { windowsOptions: { hostProcess: "true" } } }]],
    ["containers", [{ ...app, volumeMounts: [{ name: "a", mountPath: "/a", readOnly: "true" }] }]],
    ["securityContext", { sysctls: { name: "a" } }],
    ["securityContext", { sysctls: [{}] }],
    ["securityContext", { seccompProfile: [] }],
    ["volumes", [{ name: "a", hostPath: "/" }]],
    ["volumes", [{ name: "a", hostPath: { path: ["/"] } }]],
    ["hostUsers", "false"],
  ])("of the wrong type is refused as malformed: %s %j", ([field, value]) => {
    expect(denials(plainPod({ [field]: value }))).toEqual(["OBJECT_MALFORMED"]);
  });
});
