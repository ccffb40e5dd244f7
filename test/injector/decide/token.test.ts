import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../../sidecar/contract/pod.ts";
import type { Container, Volume } from "../../../injector/model/pod.ts";
import { TOKEN_MODES, type TokenMode } from "../../../injector/model/token-mode.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { admitted, app, denials, plainPod, pod, withApp } from "../../support/pods.ts";

const asking = (wanted: string) => pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.token]: wanted });

describe("how a pod's containers get their token", () => {
  const modeOf = (one: object, token: TokenMode): string => {
    const outcome = admitted(one, facts(), config({ token }));
    return outcome.kind === "inject"
      ? (outcome.sidecar?.token ?? "none")
      : outcome.findings.map(({ code }) => code).join();
  };

  test.for(TOKEN_MODES)("is what the setting %s says in a pod without the annotation", (token) => {
    expect(modeOf(pod(), token)).toBe(token);
  });

  test.for(TOKEN_MODES)("is %s in a pod that asks for it, if the setting is both", (wanted) => {
    expect(modeOf(asking(wanted), "both")).toBe(wanted);
  });

  test.for([
    ["file", "both"],
    ["file", "env"],
    ["env", "both"],
    ["env", "file"],
  ] as const)("denies the pod if the setting is %s and the pod asks for %s", ([setting, wanted]) => {
    expect(modeOf(asking(setting), setting)).toBe(setting);
    expect(modeOf(asking(wanted), setting)).toBe("TOKEN_NOT_ALLOWED");
    const [found] = admitted(asking(wanted), facts(), config({ token: setting })).findings;
    expect(found?.message).toBe(
      `The annotation podrole.dev/token is ${wanted}, and this cluster allows only ${setting}.`,
    );
  });

  test.for(["files", "FILE", "", "both,file", "constructor"])("denies the pod that asks for %j", (wanted) => {
    const { kind, findings } = admitted(asking(wanted));
    expect(kind).toBe("deny");
    expect(findings).toMatchObject([
      { code: "ANNOTATION_INVALID", remedy: "Set it to both, file, env, or remove it." },
    ]);
  });
});

describe("a mount in the way of the token file", () => {
  const at = (mountPath: string, more: object = {}): Container => ({
    ...app,
    volumeMounts: [{ name: "own", mountPath, ...more }],
  });
  const emptyDir: Volume = { name: "own", emptyDir: {} };
  const withMount = (container: Container, volume: Volume = emptyDir) =>
    pod({ containers: [container], volumes: [volume] });
  const FOLDER = "/var/run/secrets/podrole.dev/credentials";

  test.for<readonly [string, Container, Volume?]>([
    ["at the same path", at(FOLDER)],
    ["at the same path, with a slash behind it", at(`${FOLDER}/`)],
    ["at the same path in other words", at("/var/./run//secrets/podrole.dev/x/../credentials")],
    ["at the same path by way of /run", at("/run/secrets/podrole.dev/credentials")],
    ["on the file itself", at(`${FOLDER}/token`, { subPath: "t" })],
    ["below it", at(`${FOLDER}/more`)],
    ["above it, read-only", at("/var/run/secrets", { readOnly: true })],
    ["at the top, read-only", at("/", { readOnly: true })],
    [
      "above it, of a Secret",
      at("/var/run/secrets/podrole.dev"),
      { name: "own", secret: { secretName: "s" } },
    ],
    ["above it, of a ConfigMap", at("/run/secrets"), { name: "own", configMap: { name: "c" } }],
    ["above it, of an image", at("/var/run"), { name: "own", image: { reference: "r" } }],
    ["of a device", { ...app, volumeDevices: [{ name: "own", devicePath: FOLDER }] }],
  ])("denies the pod: %s", ([, container, volume]) => {
    expect(denials(withMount(container, volume))).toEqual(["TOKEN_MOUNT_BLOCKED"]);
    const init = pod({ initContainers: [{ ...container, name: "init" }], volumes: [volume ?? emptyDir] });
    expect(denials(init)).toEqual(["TOKEN_MOUNT_BLOCKED"]);
  });

  test.for<readonly [string, Container, Volume?]>([
    ["above it, writable", at("/var/run/secrets")],
    ["beside it", at("/var/run/secrets/podrole.dev/credentials-of-mine", { readOnly: true })],
    ["beside its parent", at("/var/run/secrets/kubernetes.io/serviceaccount", { readOnly: true })],
    [
      "in a container with its own endpoint",
      { ...at(FOLDER), env: [{ name: APP_ENV.fullUri, value: "http://127.0.0.1:1/" }] },
    ],
    ["of a null volume device", { ...app, volumeDevices: [null, { devicePath: 7 }] }],
  ])("admits the pod: %s", ([, container, volume]) => {
    expect(denials(withMount(container, volume))).toEqual(["inject"]);
  });

  test("is none in a container that gets no token in a file", () => {
    const blocked = at(FOLDER);
    expect(denials(withApp(blocked), facts(), config({ token: "env" }))).toEqual(["inject"]);
    expect(denials(plainPod({ containers: [blocked] }))).toEqual(["inject"]);
    const skipped = { [ANNOTATION.role]: BILLING, [ANNOTATION.skipContainers]: "app" };
    expect(denials(pod({ containers: [blocked] }, skipped))).toEqual(["inject"]);
  });
});
