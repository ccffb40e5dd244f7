import {
  app,
  attack,
  dropping,
  guard,
  guardValueOf,
  sidecar,
  valueOf,
  variable,
  withInit,
  withoutVolumes,
  type Attack,
} from "./attack.ts";

/** The threats of deploy/docs/security.md that admission stops. Each is tried on a pod that the webhook has patched. */
export const ATTACKS: readonly Attack[] = [
  attack("a pod that podrole has not patched", "GUARD_MISSING", (pod) => {
    delete pod.spec.initContainers;
    withoutVolumes(pod);
  }),
  attack("an opt-out without a guard", "GUARD_MISSING", (pod) => {
    pod.metadata.annotations = { "podrole.dev/inject": "false" };
    delete pod.spec.initContainers;
    withoutVolumes(pod);
  }),
  attack("the guard second, behind a user's init container", "GUARD_MISSING", (pod) => {
    withInit({})(pod);
    pod.spec.initContainers.unshift(pod.spec.initContainers.pop());
  }),
  attack("a guard that is an ordinary container", "GUARD_MISSING", (pod) => {
    pod.spec.containers.push(pod.spec.initContainers.shift());
  }),
  attack(
    "a status annotation in the place of a guard",
    "GUARD_MISSING",
    (pod) => {
      pod.spec.initContainers = [];
    },
    { sidecar: false },
  ),
  ...(
    [
      ["another image", { image: "evil/guard:1" }],
      ["command true", { command: ["true"] }],
      ["no command", { command: [] }],
      ["arguments", { args: ["--help"] }],
      ["a restart policy", { restartPolicy: "Always" }],
      ["variables of somebody's", { env: [{ name: "PODROLE_BLOCKED_ADDRESSES", value: "192.0.2.1" }] }],
      ["no variables", { env: [] }],
      ["variables from a ConfigMap", { envFrom: [{ configMapRef: { name: "a" } }] }],
      ["another working directory", { workingDir: "/tmp" }],
      ["another pull policy", { imagePullPolicy: "Never" }],
      ["another termination log", { terminationMessagePath: "/tmp/log" }],
      ["a terminal", { stdin: true, tty: true }],
      ["no security context", { securityContext: undefined }],
    ] as const
  ).map(([what, over]) =>
    attack(`a guard with ${what}`, "INJECTED_DIFFERENTLY", (pod) => Object.assign(guard(pod), over)),
  ),
  attack("a guard with one more variable", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.push({ name: "NODE_OPTIONS", value: "--require=/evil.js" });
  }),
  attack(
    "a guard that blocks other addresses",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_BLOCKED_ADDRESSES", "192.0.2.1"),
  ),
  attack("a guard with a default written out", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.splice(1, 0, { name: "PODROLE_SIDECAR_PORTS", value: "16925" });
  }),
  attack("a guard whose variable stands twice", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.push({ ...variable(guard(pod), "PODROLE_SIDECAR_UID"), value: "1000" });
  }),
  attack("a guard that has another address of the pod", "INJECTED_DIFFERENTLY", (pod) => {
    variable(guard(pod), "PODROLE_POD_IP").value = "10.0.0.1";
    delete variable(guard(pod), "PODROLE_POD_IP").valueFrom;
  }),
  attack("a guard with a volume over its program", "INJECTED_DIFFERENTLY", (pod) => {
    pod.spec.volumes.push({ name: "bin", emptyDir: {} });
    guard(pod).volumeMounts = [{ name: "bin", mountPath: "/usr/local/bin" }];
  }),
  attack("a guard with NET_RAW when the installation gives it none", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).securityContext.capabilities.add.push("NET_RAW");
  }),
  attack(
    "a guard that accepts one layer of blocking less",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_EGRESS_HOOK", "prefer"),
    { setting: "full" },
  ),
  attack("a guard without the setting of the egress hook", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env = guard(pod).env.filter(({ name }: { name: string }) => name !== "PODROLE_EGRESS_HOOK");
  }),
  attack("a guard without NET_ADMIN", "INJECTED_DIFFERENTLY", (pod) => {
    delete guard(pod).securityContext.capabilities.add;
  }),
  attack("a guard that runs as another user", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).securityContext.runAsUser = 1000;
  }),
  attack("a guard in another SELinux context", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).securityContext.seLinuxOptions = { type: "spc_t" };
  }),
  ...(
    [
      ["another image", { image: "evil/sidecar:1" }],
      ["another command", { command: ["sleep", "1000"] }],
      ["arguments", { args: ["--inspect"] }],
      ["no hook", { lifecycle: undefined }],
      ["another hook", { lifecycle: { postStart: { exec: { command: ["true"] } } } }],
      ["a probe", { livenessProbe: { exec: { command: ["kill", "1"] } } }],
      ["no restart policy", { restartPolicy: undefined, lifecycle: undefined }],
      ["variables from a Secret", { envFrom: [{ secretRef: { name: "a" } }] }],
      ["no token mounted", { volumeMounts: [] }],
    ] as const
  ).map(([what, over]) =>
    attack(`a sidecar with ${what}`, "INJECTED_DIFFERENTLY", (pod) => Object.assign(sidecar(pod), over)),
  ),
  ...(
    [
      "NODE_OPTIONS",
      "HTTPS_PROXY",
      "AWS_ACCESS_KEY_ID",
      "PODROLE_STS_ENDPOINT",
      "PODROLE_STS_CA",
      "PODROLE_SOURCE",
    ] as const
  ).map((name) =>
    attack(`a sidecar with a ${name} of somebody's`, "INJECTED_DIFFERENTLY", (pod) => {
      sidecar(pod).env.push({ name, value: "https://evil.example" });
    }),
  ),
  attack("a sidecar that takes its variable from a Secret", "INJECTED_DIFFERENTLY", (pod) => {
    sidecar(pod).env.push({ name: "PODROLE_X", valueFrom: { secretKeyRef: { name: "a", key: "b" } } });
  }),
  attack(
    "a sidecar that does not verify the guard",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_BLOCKED_ADDRESSES", "none"),
  ),
  attack(
    "a sidecar that verifies other addresses",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_BLOCKED_ADDRESSES", "192.0.2.1"),
  ),
  attack(
    "a sidecar of source node when the installation does not allow it",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_SOURCE", "node"),
  ),
  attack(
    "a sidecar that reads another token for STS",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_WEB_IDENTITY_TOKEN_FILE", "/run/podrole/0/token"),
  ),
  attack(
    "source node: a sidecar of the default source",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      sidecar(pod).env = sidecar(pod).env.filter(({ name }: { name: string }) => name !== "PODROLE_SOURCE");
    },
    { setting: "node" },
  ),
  attack("a sidecar with one more mount", "INJECTED_DIFFERENTLY", (pod) => {
    pod.spec.volumes.push({ name: "shared", emptyDir: {} });
    sidecar(pod).volumeMounts.push({ name: "shared", mountPath: "/shared" });
  }),
  attack("a sidecar as root", "INJECTED_DIFFERENTLY", (pod) => {
    sidecar(pod).securityContext = { ...sidecar(pod).securityContext, runAsUser: 0, runAsNonRoot: false };
  }),
  attack("a guard with too little memory", "RESOURCES_BELOW_FLOOR", (pod) => {
    guard(pod).resources = { requests: { cpu: "10m", memory: "6Mi" }, limits: { memory: "6Mi" } };
  }),
  attack("a guard with too little CPU", "RESOURCES_BELOW_FLOOR", (pod) => {
    guard(pod).resources.limits.cpu = "49m";
  }),
  attack("a guard without requests", "RESOURCES_BELOW_FLOOR", (pod) => {
    delete guard(pod).resources;
  }),
  attack("a sidecar that requests too little memory", "RESOURCES_BELOW_FLOOR", (pod) => {
    sidecar(pod).resources.requests.memory = "1Mi";
  }),
  attack("a sidecar with too little memory", "RESOURCES_BELOW_FLOOR", (pod) => {
    sidecar(pod).resources.limits.memory = "47Mi";
  }),
  attack(
    "a pod whose own limit leaves the guard too little CPU",
    "RESOURCES_BELOW_FLOOR",
    (pod) => {
      pod.spec.resources = { limits: { cpu: "20m" } };
    },
    { needs: "resources of a pod" },
  ),
  attack(
    "a pod whose own limit leaves the guard too little memory",
    "RESOURCES_BELOW_FLOOR",
    (pod) => {
      pod.spec.resources = { limits: { memory: "31Mi" } };
    },
    { sidecar: false, needs: "resources of a pod" },
  ),
  attack(
    "a guard that claims a device",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      pod.spec.resourceClaims = [{ name: "device", resourceClaimName: "device" }];
      guard(pod).resources.claims = [{ name: "device" }];
    },
    { needs: "claims of devices" },
  ),
  attack("a guard with a device plugin's resource", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).resources.limits["vendor.example/device"] = "1";
    guard(pod).resources.requests["vendor.example/device"] = "1";
  }),
  attack("a guard with huge pages", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).resources.limits["hugepages-2Mi"] = "2Mi";
    guard(pod).resources.requests["hugepages-2Mi"] = "2Mi";
  }),
  attack(
    "a guard that is not started again when it fails",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      guard(pod).restartPolicy = "Never";
      guard(pod).restartPolicyRules = [
        { action: "RestartAllContainers", exitCodes: { operator: "In", values: [0] } },
      ];
    },
    { needs: "rules for restarts" },
  ),
  attack("a sidecar behind a user's init container", "INJECTED_DIFFERENTLY", (pod) => {
    withInit({})(pod);
    pod.spec.initContainers.splice(1, 0, pod.spec.initContainers.pop());
  }),
  attack("a sidecar that is an ordinary container", "RESERVED_NAME", (pod) => {
    const [one] = pod.spec.initContainers.splice(1, 1);
    // The guard of a pod without a sidecar.
    guard(pod).env = guard(pod).env.filter(
      ({ name }: { name: string }) => !name.startsWith("PODROLE_SIDECAR_"),
    );
    delete one.restartPolicy;
    pod.spec.containers.push(one);
    withoutVolumes(pod);
  }),
  ...(
    [
      ["a token volume without an audience", undefined],
      ["a token volume with the audience of the Kubernetes API", "https://kubernetes.default.svc"],
      ["a token volume with the API's audience in kops", "kubernetes.svc.default"],
      ["a token volume with an identity's audience", "podrole.dev/pod"],
      ["a token volume with an audience that has a blank", "a b"],
      ["a token volume with a pattern as its audience", "*"],
    ] as const
  ).map(([title, audience]) =>
    attack(title, "RESERVED_NAME", (pod) => {
      pod.spec.volumes[0].projected.sources[0].serviceAccountToken.audience = audience;
    }),
  ),
  // The API server writes null for sources that are not named.
  attack("a token volume without a source", "RESERVED_NAME", (pod) => {
    pod.spec.volumes[0].projected = {};
  }),
  attack("a token volume that is a Secret", "RESERVED_NAME", (pod) => {
    pod.spec.volumes[0] = { name: "podrole-token", secret: { secretName: "a" } };
  }),
  attack("a volume with a reserved name", "RESERVED_NAME", (pod) => {
    pod.spec.volumes.push({ name: "podrole-x", emptyDir: {} });
  }),
  attack("an app that mounts the sidecar's token", "RESERVED_NAME", (pod) => {
    app(pod).volumeMounts = [{ name: "podrole-token", mountPath: "/token" }];
  }),
  attack(
    "an init container that mounts the sidecar's token",
    "RESERVED_NAME",
    withInit({ volumeMounts: [{ name: "podrole-token", mountPath: "/token" }] }),
  ),
  attack("a container with a reserved name", "RESERVED_NAME", (pod) => {
    app(pod).name = "podrole-app";
  }),
  attack("an app that drops nothing", "CAPABILITY_FORBIDDEN", dropping([])),
  attack("an app without a security context", "CAPABILITY_FORBIDDEN", (pod) => {
    delete app(pod).securityContext;
  }),
  attack(
    "an app that drops CAP_NET_RAW, which drops nothing",
    "CAPABILITY_FORBIDDEN",
    dropping(["CAP_NET_RAW"]),
  ),
  attack("an app that drops net_raw in lower case", "CAPABILITY_FORBIDDEN", dropping(["net_raw"])),
  attack("an init container that drops nothing", "CAPABILITY_FORBIDDEN", withInit({ securityContext: {} })),
  attack("processes shared with the sidecar", "HOST_NAMESPACE", (pod) => {
    pod.spec.shareProcessNamespace = true;
  }),
  attack("the node's network", "HOST_NETWORK", (pod) => {
    pod.spec.hostNetwork = true;
  }),
  attack(
    "source node: an app whose image chooses the uid",
    "UID_UNKNOWN",
    (pod) => {
      delete app(pod).securityContext.runAsUser;
    },
    { setting: "node" },
  ),
  attack(
    "source node: an app that allows privilege escalation",
    "PRIVILEGE_ESCALATION",
    (pod) => {
      app(pod).securityContext.allowPrivilegeEscalation = true;
    },
    { setting: "node" },
  ),
  attack(
    "source node: an app that leaves privilege escalation open",
    "PRIVILEGE_ESCALATION",
    (pod) => {
      delete app(pod).securityContext.allowPrivilegeEscalation;
    },
    { setting: "overridden" },
  ),
  attack(
    "source node: an app that adds SETUID",
    "CAPABILITY_FORBIDDEN",
    dropping(["NET_RAW", "SETGID", "SETUID"], ["SETUID"]),
    { setting: "node" },
  ),
  attack("source node: an app that keeps SETUID", "CAPABILITY_FORBIDDEN", dropping(["NET_RAW", "SETGID"]), {
    setting: "overridden",
  }),
  attack(
    "source node: a guard that opens another uid",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      guard(pod).env[0].value = "0";
    },
    { setting: "node" },
  ),
  attack(
    "source ambient: keys of another Secret",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      for (const { valueFrom } of sidecar(pod).env)
        if (valueFrom?.secretKeyRef) valueFrom.secretKeyRef.name = "mine";
    },
    { setting: "ambient" },
  ),
  attack(
    "guard off: a guard that is not podrole's",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      pod.spec.initContainers.push({ name: "podrole-guard", image: "evil" });
    },
    { setting: "off" },
  ),
  attack(
    "guard off: an app that adds SYS_PTRACE beside a sidecar",
    "CAPABILITY_FORBIDDEN",
    dropping([], ["SYS_PTRACE"]),
    { setting: "off" },
  ),
  attack(
    "guard off: an app that keeps NET_RAW, which reads what others send to the sidecar",
    "CAPABILITY_FORBIDDEN",
    dropping([]),
    { setting: "off" },
  ),
];
