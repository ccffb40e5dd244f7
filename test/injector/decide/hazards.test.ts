import { noApiTokenMount } from "../../../injector/model/no-api-token.ts";
import { describe, expect, test } from "vitest";
import { CONTAINER, TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import type { Container, SecurityContext } from "../../../injector/model/pod.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import { app, containerNamed, denials, injected, plainPod, pod, withApp } from "../../support/pods.ts";

/** One test for each threat of deploy/docs/security.md that admission stops. Each tries the attack. */

const node = config({ source: "node", policy: "off" });
const secured = (securityContext: SecurityContext): Container => ({ ...app, securityContext });

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

describe("a shared namespace", () => {
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

  test.for(["SETUID", "SETGID"])(
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

  test.for([
    ["sidecar's token", { name: TOKEN_VOLUME.name, mountPath: "/stolen" }],
    ["empty", noApiTokenMount],
    ["empty, in part,", { ...noApiTokenMount, subPath: "a" }],
  ] as const)("a mount of podrole's volume (%s) is refused in every list", ([, mount]) => {
    const thief = { name: "thief", volumeMounts: [mount] };
    for (const list of ["containers", "initContainers", "ephemeralContainers"]) {
      expect(denials(pod({ [list]: [thief] }))).toEqual(["RESERVED_NAME"]);
    }
  });
});

test("one denial names every reason", () => {
  const worst = secured({ privileged: true, capabilities: { add: ["NET_ADMIN"] } });
  expect(denials(pod({ hostPID: true, containers: [{ ...worst, name: "podrole-x" }] }))).toEqual([
    "PRIVILEGED",
    "CAPABILITY_FORBIDDEN",
    "HOST_NAMESPACE",
    "RESERVED_NAME",
  ]);
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
