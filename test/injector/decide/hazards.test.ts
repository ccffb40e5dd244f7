import { describe, expect, test } from "vitest";
import { CONTAINER, TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import type { Container, SecurityContext } from "../../../injector/model/pod.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import { app, codes, containerNamed, denials, injected, plainPod, pod, withApp } from "../../support/pods.ts";

/** One test for each threat of deploy/docs/security.md that admission stops. Each tries the attack. */

const node = config({ source: "node", policy: "off" });
const secured = (securityContext: SecurityContext): Container => ({ ...app, securityContext });

describe("a capability that bypasses the guard", () => {
  test.for(["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "BPF", "PERFMON", "ALL"])(
    "%s is refused with and without a role, in every list and spelling",
    (name) => {
      for (const spelling of [
        name,
        name.toLowerCase(),
        `CAP_${name}`,
        `cap_${name.toLowerCase()}`,
        `Cap_${name}`,
      ]) {
        const evil = { ...secured({ capabilities: { add: ["CHOWN", spelling] } }), name: "evil" };
        for (const make of [pod, plainPod]) {
          expect(denials(make({ containers: [evil] }))).toEqual(["CAPABILITY_FORBIDDEN"]);
          expect(denials(make({ initContainers: [evil] }))).toEqual(["CAPABILITY_FORBIDDEN"]);
          expect(denials(make({ ephemeralContainers: [evil] }))).toEqual(["CAPABILITY_FORBIDDEN"]);
        }
      }
    },
  );

  test("is refused even if the container also drops ALL", () => {
    const context = { capabilities: { add: ["NET_RAW"], drop: ["ALL"] } };
    expect(denials(pod({ containers: [secured(context)] }))).toEqual(["CAPABILITY_FORBIDDEN"]);
  });

  test("is allowed when there is no guard", () => {
    const off = facts({ annotations: { "podrole.dev/guard": "off" } });
    expect(denials(pod({ containers: [secured({ capabilities: { add: ["NET_ADMIN"] } })] }), off)).toEqual([
      "inject",
    ]);
    expect(denials(pod({ containers: [secured({ capabilities: { add: ["sys_ptrace"] } })] }), off)).toEqual([
      "CAPABILITY_FORBIDDEN",
    ]);
  });
});

test("NET_RAW, which a packet socket needs, is dropped from every user container", () => {
  const after = injected(pod({ initContainers: [{ name: "setup" }], containers: [app, { name: "two" }] }));
  for (const name of ["setup", "app", "two"]) {
    expect(containerNamed(after, name).securityContext?.capabilities?.drop).toEqual(["NET_RAW"]);
  }
});

test.for(["CAP_NET_RAW", "cap_net_raw", "net_raw", "CAP_ALL", "all", "NET_RAW "])(
  "NET_RAW is dropped when the container drops only %j, since containerd makes CAP_CAP_NET_RAW of CAP_NET_RAW",
  (spelling) => {
    const after = injected(pod({ containers: [secured({ capabilities: { drop: [spelling] } })] }));
    expect(containerNamed(after, "app").securityContext?.capabilities?.drop).toEqual([spelling, "NET_RAW"]);
  },
);

test("a privileged container is refused", () => {
  for (const list of ["containers", "initContainers", "ephemeralContainers"]) {
    const evil = { ...secured({ privileged: true }), name: "evil" };
    expect(denials(plainPod({ [list]: [evil] }))).toEqual(["PRIVILEGED"]);
  }
});

test.for(["Unmasked", "unmasked", "", "Something-new"])(
  "a container with procMount %j is refused",
  (procMount) => {
    expect(denials(plainPod({ containers: [secured({ procMount })] }))).toEqual(["PRIVILEGED"]);
  },
);

describe("a shared namespace", () => {
  test.for(["hostPID", "hostIPC"])("%s is refused even for a pod without a role", (field) => {
    expect(denials(pod({ [field]: true }))).toEqual(["HOST_NAMESPACE"]);
    expect(denials(plainPod({ [field]: true }))).toEqual(["HOST_NAMESPACE"]);
  });

  test("shareProcessNamespace is refused when the pod has a sidecar", () => {
    expect(denials(pod({ shareProcessNamespace: true }))).toEqual(["HOST_NAMESPACE"]);
    expect(denials(plainPod({ shareProcessNamespace: true }))).toEqual(["inject"]);
  });

  test.for(["SYS_PTRACE", "cap_sys_ptrace"])("%s is refused in a pod with a sidecar", (name) => {
    expect(denials(pod({ containers: [secured({ capabilities: { add: [name] } })] }))).toEqual([
      "CAPABILITY_FORBIDDEN",
    ]);
  });
});

test.for(["64169", true, [64_169], { uid: 64_169 }])(
  "a uid is refused when %j is given instead of a number",
  (runAsUser) => {
    for (const at of [
      withApp({ securityContext: { runAsUser } as never }),
      pod({ securityContext: { runAsUser } as never }),
    ]) {
      expect(denials(at)).toEqual(["OBJECT_MALFORMED"]);
    }
  },
);

describe("with source node, which opens the guard for the sidecar's uid", () => {
  test("an image that chooses its own uid is refused", () => {
    expect(denials(pod(), facts(), node)).toEqual(["UID_UNKNOWN"]);
    expect(denials(pod({ securityContext: { runAsNonRoot: true } }), facts(), node)).toEqual(["UID_UNKNOWN"]);
    const mixed = { securityContext: { runAsUser: 1000 }, initContainers: [{ name: "setup" }] };
    expect(denials(pod(mixed), facts(), node)).toEqual(["inject"]);
  });

  test.for(["SETUID", "cap_setgid"])(
    "%s is refused, since root can switch to the sidecar's uid with it",
    (name) => {
      const evil = secured({ runAsUser: 0, capabilities: { add: [name], drop: ["ALL"] } });
      expect(denials(pod({ containers: [evil] }), facts(), node)).toEqual(["CAPABILITY_FORBIDDEN"]);
      expect(denials(pod({ containers: [evil] }))).toEqual(["inject"]);
    },
  );

  test("SETUID and SETGID are dropped and privilege escalation is turned off", () => {
    const after = injected(pod({ containers: [secured({ runAsUser: 0 })] }), facts(), node);
    expect(containerNamed(after, "app").securityContext).toEqual({
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["NET_RAW", "SETUID", "SETGID"] },
    });
  });

  test("a container that sets allowPrivilegeEscalation is refused", () => {
    const evil = secured({ runAsUser: 1000, allowPrivilegeEscalation: true });
    expect(denials(pod({ containers: [evil] }), facts(), node)).toEqual(["PRIVILEGE_ESCALATION"]);
    expect(denials(pod({ containers: [evil] }))).toEqual(["inject"]);
  });
});

describe("podrole's names", () => {
  test.for([CONTAINER.guard, CONTAINER.sidecar, "podrole-", "podrole-other"])(
    "a user container named %s is refused",
    (name) => {
      const evil = { name, image: "evil" };
      expect(denials(pod({ containers: [app, evil] }))).toContain("RESERVED_NAME");
      expect(denials(pod({ ephemeralContainers: [evil] }))).toContain("RESERVED_NAME");
    },
  );

  test.for(["podrole-cache", "podrole-"])("a volume named %s is refused", (name) => {
    expect(denials(pod({ volumes: [{ name, emptyDir: {} }] }))).toEqual(["RESERVED_NAME"]);
  });

  test("a mount of the sidecar's token volume is refused in every list", () => {
    const thief = { name: "thief", volumeMounts: [{ name: TOKEN_VOLUME.name, mountPath: "/stolen" }] };
    for (const list of ["containers", "initContainers", "ephemeralContainers"]) {
      expect(denials(pod({ [list]: [thief] }))).toEqual(["RESERVED_NAME"]);
    }
  });
});

test("one denial names every reason", () => {
  const worst = secured({ privileged: true, capabilities: { add: ["NET_ADMIN"] } });
  expect(denials(pod({ hostPID: true, containers: [{ ...worst, name: "podrole-x" }] }))).toEqual([
    "HOST_NAMESPACE",
    "RESERVED_NAME",
    "PRIVILEGED",
    "CAPABILITY_FORBIDDEN",
  ]);
});

describe("a path of the node", () => {
  const socket = { name: "run", hostPath: { path: "/run/containerd" } };

  test.for(["hostPath with a path", "hostPath without one"])("is refused as a volume: %s", (how) => {
    const volume = how.endsWith("one") ? { name: "run", hostPath: {} } : socket;
    expect(denials(pod({ volumes: [volume] }))).toEqual(["HOST_PATH"]);
    expect(denials(plainPod({ volumes: [volume] }))).toEqual(["HOST_PATH"]);
  });

  test("is admitted with a warning when the setting is warn", () => {
    expect(codes(pod({ volumes: [socket] }), facts(), config({ hostPath: "warn" }))).toEqual([
      "HOST_PATH_ALLOWED",
    ]);
  });

  test("is not found in volumes of other kinds", () => {
    expect(denials(pod({ volumes: [{ name: "run", hostPath: null, emptyDir: {} }] }))).toEqual(["inject"]);
  });
});

test("a user's init container that would read the metadata service runs after the guard", () => {
  const thief = { name: "thief", image: "curl", command: ["curl", "http://169.254.169.254/"] };
  const sidecarThief = { ...thief, name: "native", restartPolicy: "Always" };
  for (const make of [pod, plainPod]) {
    const { initContainers = [] } = injected(make({ initContainers: [thief, sidecarThief] })).spec;
    expect(initContainers[0]?.name).toBe(CONTAINER.guard);
    expect(initContainers.slice(-2).map(({ name }) => name)).toEqual(["thief", "native"]);
  }
});
