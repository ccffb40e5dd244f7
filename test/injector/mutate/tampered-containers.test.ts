import { describe, expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { POD_IDENTITY } from "../../../sidecar/contract/session.ts";
import { APP_ENV, CONTAINER, TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
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
    ["arguments", guardOf((guard) => ({ ...guard, args: ["--help"] }))],
    [
      "no capability",
      guardOf((guard) => ({ ...guard, securityContext: { ...guard.securityContext, capabilities: {} } })),
    ],
    [
      "an open uid",
      guardOf((guard) => ({ ...guard, env: [...(guard.env ?? []), { name: ENV.openUid, value: "0" }] })),
    ],
    [
      "a variable that Node runs code by",
      sidecarOf((one) => ({
        ...one,
        env: [...(one.env ?? []), { name: "NODE_OPTIONS", value: "--import=data:," }],
      })),
    ],
    [
      "variables from elsewhere",
      sidecarOf((one) => ({ ...one, envFrom: [{ configMapRef: { name: "evil" } }] })),
    ],
    [
      "no addresses to block",
      guardOf((guard) => ({
        ...guard,
        env: (guard.env ?? []).filter(({ name }) => name !== ENV.blockedAddresses),
      })),
    ],
    [
      "a volume over its files",
      guardOf((guard) => ({ ...guard, volumeMounts: [{ name: "data", mountPath: "/usr" }] })),
    ],
    [
      "a token mount that is not the API's",
      guardOf((guard) => ({
        ...guard,
        volumeMounts: [
          { name: "evil", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
        ],
      })),
    ],
    [
      "a writable token mount",
      guardOf((guard) => ({
        ...guard,
        volumeMounts: [
          { name: "kube-api-access-x", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
        ],
      })),
    ],
    ["a restart policy", guardOf((guard) => ({ ...guard, restartPolicy: "Always" }))],
    [
      "an unmasked /proc",
      guardOf((guard) => ({
        ...guard,
        securityContext: { ...guard.securityContext, procMount: "Unmasked" },
      })),
    ],
    [
      "a pull policy that uses an image on the node",
      guardOf((guard) => ({ ...guard, imagePullPolicy: "Never" })),
    ],
    ["an unknown field", guardOf((guard) => ({ ...guard, future: true }))],
    [
      "a field under __proto__",
      guardOf((guard) => JSON.parse(`{"__proto__":{},${JSON.stringify(guard).slice(1)}`) as Container),
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

  test("in a pod that gets no sidecar", () => {
    expect(denials({ ...first, metadata: { name: "web" } })).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  test("and the message names fields but no values", () => {
    const huge = guardOf((guard) => ({
      ...guard,
      [`x${"y".repeat(100_000)}`]: 1,
      env: [{ name: "A", value: "hunter2" }],
    }));
    const text = JSON.stringify(admitted(huge).findings);
    expect(text).toContain("env");
    expect(text).not.toContain("hunter2");
    expect(text.length).toBeLessThan(1000);
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
