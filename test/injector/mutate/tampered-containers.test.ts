import { describe, expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { POD_IDENTITY } from "../../../sidecar/contract/session.ts";
import { APP_ENV, CONTAINER, TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { API_TOKEN_PATH, noApiTokenMount, noApiTokenVolume } from "../../../injector/model/no-api-token.ts";
import { sha256, tokenOf } from "../../../injector/mutate/token.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import {
  FRESH,
  admitted,
  app,
  containerNamed,
  denials,
  everyContainer,
  injected,
  pod,
  plainPod,
  TOKEN,
  withApp,
  withInit,
} from "../../support/pods.ts";

describe("a container with podrole's name and other content is refused", () => {
  const first = injected(pod());
  const guardOf = (change: (container: Container) => Container): Pod =>
    everyContainer(first, (container) =>
      container.name === CONTAINER.guard ? change(container) : container,
    );
  const sidecarOf = (change: (container: Container) => Container): Pod =>
    everyContainer(first, (container) =>
      container.name === CONTAINER.sidecar ? change(container) : container,
    );

  test.for([
    ["another image", guardOf((guard) => ({ ...guard, image: "evil" }))],
    ["a command that does nothing", guardOf((guard) => ({ ...guard, command: ["true"] }))],
    [
      "no capability",
      guardOf((guard) => ({ ...guard, securityContext: { ...guard.securityContext, capabilities: {} } })),
    ],
    [
      "an open uid",
      guardOf((guard) => ({ ...guard, env: [...(guard.env ?? []), { name: ENV.openUid, value: "0" }] })),
    ],
    [
      "no addresses to block",
      guardOf((guard) => ({
        ...guard,
        env: [...(guard.env ?? []), { name: ENV.blockedAddresses, value: "none" }],
      })),
    ],
    [
      "a token for the Kubernetes API beside its own mounts",
      guardOf((guard) => ({
        ...guard,
        volumeMounts: [...(guard.volumeMounts ?? []), { ...noApiTokenMount, name: "kube-api-access-x" }],
      })),
    ],
    [
      "a token for the Kubernetes API in the empty volume's place",
      sidecarOf((one) => ({
        ...one,
        volumeMounts: (one.volumeMounts ?? []).map((mount) =>
          mount.mountPath === API_TOKEN_PATH ? { ...mount, name: "kube-api-access-x" } : mount,
        ),
      })),
    ],
    [
      "nothing in the place of the token for the Kubernetes API",
      guardOf((guard) => ({ ...guard, volumeMounts: [] })),
    ],
    [
      "a part of the empty volume",
      guardOf((guard) => ({ ...guard, volumeMounts: [{ ...noApiTokenMount, subPath: "a" }] })),
    ],
    [
      "a writable mount of the empty volume",
      guardOf((guard) => ({ ...guard, volumeMounts: [{ ...noApiTokenMount, readOnly: false }] })),
    ],
    [
      "an unmasked /proc",
      guardOf((guard) => ({
        ...guard,
        securityContext: { ...guard.securityContext, procMount: "Unmasked" },
      })),
    ],
    [
      "a second variable with a name of podrole's",
      sidecarOf((one) => ({ ...one, env: [...(one.env ?? []), { name: ENV.podUid, value: "0" }] })),
    ],
    ["its variables in another order", sidecarOf((one) => ({ ...one, env: (one.env ?? []).toReversed() }))],
    [
      "a mount of podrole's more",
      guardOf((guard) => ({
        ...guard,
        volumeMounts: [...(guard.volumeMounts ?? []), { name: TOKEN_VOLUME.name, mountPath: "/t" }],
      })),
    ],
    [
      "a pull policy that uses an image on the node",
      guardOf((guard) => ({ ...guard, imagePullPolicy: "Never" })),
    ],
    [
      "a role of its own",
      sidecarOf((one) => ({
        ...one,
        env: (one.env ?? []).map((entry) =>
          entry.name === ENV.identities
            ? { ...entry, value: entry.value?.replace("role/", "role/other-") ?? "" }
            : entry,
        ),
      })),
    ],
    ["no hook", sidecarOf((one) => ({ ...one, lifecycle: {} }))],
    [
      "an invalid hash",
      sidecarOf((one) => ({
        ...one,
        env: (one.env ?? []).map((entry) =>
          entry.name === ENV.identities
            ? { ...entry, value: (entry.value ?? "").replace(sha256(TOKEN), "") }
            : entry,
        ),
      })),
    ],
    [
      "a second container of the same name",
      withInit(first, [...(first.spec.initContainers ?? []), containerNamed(first, CONTAINER.guard)]),
    ],
    [
      "a volume with other content",
      { ...first, spec: { ...first.spec, volumes: [{ name: TOKEN_VOLUME.name, emptyDir: {} }] } },
    ],
  ] as const)("with %s", ([, attack]) => {
    expect(denials(attack)).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  const token = { serviceAccountToken: { path: "token" } };
  const withEmpty = (source: object): Pod => ({
    ...plainPod(),
    spec: { ...plainPod().spec, volumes: [{ name: noApiTokenVolume.name, ...source }] },
  });
  test.for<readonly [what: string, source: object, code?: string]>([
    ["a source", { projected: { defaultMode: 420, sources: [token] } }],
    ["another mode", { projected: { defaultMode: 511, sources: [] } }],
    ["a path of the node", { hostPath: { path: "/var/lib" } }, "HOST_PATH"],
    ["a Secret", { secret: { secretName: "a" } }],
    ["two kinds at once", { projected: { defaultMode: 420, sources: null }, emptyDir: {} }],
  ])("with %s in the volume that is to be empty", ([, source, code = "INJECTED_DIFFERENTLY"]) => {
    expect(denials(withEmpty(source))).toEqual([code]);
  });

  test("and a volume of the name twice, of which one has a source", () => {
    const volumes = [noApiTokenVolume, { ...noApiTokenVolume, projected: { sources: [token] } }];
    expect(denials(pod({ volumes }))).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  test.for<readonly [string, object]>([
    ["an empty list", { sources: [] }],
    ["null, as the API server writes it", { sources: null }],
    ["nothing", {}],
  ])("but not the empty volume with %s for its sources", ([, sources]) => {
    const one = withEmpty({ projected: { defaultMode: 420, ...sources } });
    expect(injected(one).spec.volumes).toEqual(one.spec.volumes);
  });

  test("in a pod that gets no sidecar", () => {
    expect(denials({ ...first, metadata: { name: "web" } })).toEqual([
      "INJECTED_DIFFERENTLY",
      "RESERVED_NAME",
    ]);
  });

  test("and the message names fields but no values", () => {
    const changed = guardOf((guard) => ({
      ...guard,
      command: ["hunter2"],
      env: [{ name: ENV.hostIp, value: "hunter2" }],
      securityContext: { ...guard.securityContext, [`x${"y".repeat(100_000)}`]: "hunter2", runAsUser: 7 },
    }));
    const text = JSON.stringify(admitted(changed).findings);
    expect(text).toContain("(command, env, securityContext.runAsUser, securityContext.xy");
    expect(text).not.toContain("hunter2");
    expect(text.length).toBeLessThan(1000);
  });

  test.for([
    ["image", { image: "mirror.example/podrole@sha256:1" }, "setting image"],
    ["command", { command: ["true"] }, "Delete it from the manifest"],
  ] as const)("and the remedy says what to do about another %s", ([, over, said]) => {
    const { findings } = admitted(guardOf((guard) => ({ ...guard, ...over })));
    expect(findings[0]?.remedy).toContain(said);
    expect(findings[0]?.remedy).toContain("another webhook");
  });

  test.for([CONTAINER.guard, CONTAINER.sidecar])("with an AppArmor profile by annotation: %s", (name) => {
    const key = `container.apparmor.security.beta.kubernetes.io/${name}`;
    const annotations = { ...first.metadata?.annotations, [key]: "localhost/a" };
    const { kind, findings } = admitted({ ...first, metadata: { ...first.metadata, annotations } });
    expect(kind).toBe("deny");
    expect(findings).toMatchObject([{ code: "INJECTED_DIFFERENTLY" }]);
    expect(findings[0]?.message).toContain(key);
  });
});

describe("the resources of guard and sidecar", () => {
  const first = injected(pod());
  const sized = (name: string, over: object): Pod =>
    everyContainer(first, (container) =>
      container.name === name
        ? { ...container, resources: { ...(container["resources"] as object), ...over } }
        : container,
    );
  const { guard, sidecar } = CONTAINER;

  test.for([
    ["a guard with too little memory", sized(guard, { limits: { cpu: "1", memory: "6Mi" } })],
    ["a guard with too little CPU", sized(guard, { limits: { cpu: "1m", memory: "64Mi" } })],
    ["a guard that requests too little memory", sized(guard, { requests: { cpu: "10m", memory: "1" } })],
    [
      "a guard that requests no CPU",
      sized(guard, { requests: { memory: "20Mi" }, limits: { memory: "64Mi" } }),
    ],
    ["a sidecar without requests", sized(sidecar, { requests: undefined, limits: undefined })],
    ["a sidecar with a limit that is no quantity", sized(sidecar, { limits: { cpu: "1", memory: "much" } })],
  ])("are refused below the minimum: %s", ([, attack]) => {
    expect(denials(attack)).toEqual(["RESOURCES_BELOW_FLOOR"]);
  });

  test.for<readonly [string, object]>([
    ["more of both", { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "2", memory: "1Gi" } }],
    ["no limits", { limits: {} }],
    ["the same in another notation", { limits: { cpu: "1000m", memory: "100663296" } }],
    ["a limit for ephemeral storage", { limits: { cpu: "1", memory: "96Mi", "ephemeral-storage": "1Gi" } }],
  ])("are kept as others have raised them: %s", ([, over]) => {
    const raised = sized(guard, over);
    expect(injected(raised)).toEqual(raised);
  });

  test.for([
    [
      { memory: "40Mi" },
      pod(),
      "limits.memory 40Mi for all its containers, and podrole-sidecar needs at least 48Mi.",
    ],
    [
      { memory: "24Mi" },
      plainPod(),
      "limits.memory 24Mi for all its containers, and podrole-guard needs at least 32Mi.",
    ],
    [
      { cpu: "10m" },
      plainPod(),
      "limits.cpu 10m for all its containers, and podrole-guard needs at least 50m.",
    ],
  ] as const)("are not limited by those of the whole pod: %j", ([limits, one, said]) => {
    const { kind, findings } = admitted({ ...one, spec: { ...one.spec, resources: { limits } } });
    expect(kind).toBe("deny");
    expect(findings).toMatchObject([{ code: "RESOURCES_BELOW_FLOOR" }]);
    expect(findings[0]?.message).toContain(said);
  });

  test("leave room for limits of the whole pod that are high enough", () => {
    const limits = { cpu: "50m", memory: "48Mi" };
    expect(denials(pod({ resources: { limits } }))).toEqual(["inject"]);
  });
});

describe("the token", () => {
  test("of an earlier pass stays in the next pass", () => {
    expect(tokenOf(injected(pod()), POD_IDENTITY)).toBe(TOKEN);
    expect(injected(injected(pod()), facts(), config(), { ...FRESH, token: () => "x".repeat(43) })).toEqual(
      injected(pod()),
    );
  });

  test.for([null, "", "short", "x".repeat(44), `${"x".repeat(42)}\n`])(
    "is never %j, even if the sidecar has its hash",
    (value) => {
      const env = [
        { name: APP_ENV.fullUri, value: "http://127.0.0.1:16925/v1/credentials" },
        { name: APP_ENV.token, value: value as string },
      ];
      const first = injected(pod());
      const weak = withApp({ env }, first);
      const sidecar = (container: Container): Container => ({
        ...container,
        env: (container.env ?? []).map((entry) =>
          entry.name === ENV.identities
            ? { ...entry, value: (entry.value ?? "").replace(sha256(TOKEN), sha256(value ?? "")) }
            : entry,
        ),
      });
      const attack = everyContainer(weak, (container) =>
        container.name === CONTAINER.sidecar ? sidecar(container) : container,
      );
      expect(tokenOf(attack, POD_IDENTITY)).toBeUndefined();
      expect(admitted(attack).kind).toBe("inject");
    },
  );

  test("is only in the app's containers, and its hash only in the sidecar", () => {
    const after = injected(pod({ initContainers: [{ name: "setup" }] }));
    const holders = [...(after.spec.initContainers ?? []), ...after.spec.containers].filter((container) =>
      JSON.stringify(container).includes(TOKEN),
    );
    expect(holders.map(({ name }) => name)).toEqual(["setup", app.name]);
    expect(JSON.stringify(after).split(sha256(TOKEN))).toHaveLength(2);
  });
});
