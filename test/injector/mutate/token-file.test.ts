import { describe, expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { APP_ENV, CONTAINER } from "../../../sidecar/contract/pod.ts";
import type { Identity } from "../../../sidecar/contract/session.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { sha256 } from "../../../injector/mutate/token.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, BILLING, facts, grant } from "../../support/facts.ts";
import {
  admitted,
  app,
  codes,
  containerNamed,
  denials,
  envOf,
  FRESH,
  injected,
  pod,
  throughApiServer,
  TOKEN,
  withApp,
} from "../../support/pods.ts";

const FILE = "/var/run/secrets/podrole.dev/credentials/token";
const mountOf = (index: number) => ({
  name: `podrole-identity-${index}`,
  mountPath: "/var/run/secrets/podrole.dev/credentials",
  readOnly: true,
});
const [byFile, byVariable] = [config({ token: "file" }), config({ token: "env" })];

const identitiesOf = (one: Pod): readonly Identity[] =>
  JSON.parse(envOf(containerNamed(one, CONTAINER.sidecar))[ENV.identities] ?? "") as readonly Identity[];
const ownMounts = ({ volumeMounts }: Container) =>
  (volumeMounts ?? []).filter(({ name }) => name.startsWith("podrole-identity-"));
const ownVolumes = ({ spec }: Pod) =>
  (spec.volumes ?? []).filter(({ name }) => name.startsWith("podrole-identity-"));
const withContainer = (one: Pod, container: Container): Pod => ({
  ...one,
  spec: { ...one.spec, containers: [...one.spec.containers, container] },
});

/** The pod's own identity, number 0, and that of one container, number 1. */
const two = pod(
  { containers: [app, { name: "uploader" }] },
  { [ANNOTATION.role]: BILLING, [`${CONTAINER_ROLE_PREFIX}uploader`]: `${BILLING}-writer` },
);

describe("a pod with its token in a file alone", () => {
  const after = injected(two, facts(), byFile);

  test("has nothing in its manifest that opens a session", () => {
    const refusing = (): string => {
      throw new Error("asked for a token");
    };
    const outcome = admitted(two, facts(), byFile, { ...FRESH, token: refusing });
    expect(outcome).toMatchObject({ after });
    const text = JSON.stringify(after);
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain(sha256(TOKEN));
    expect(text).not.toContain(`"${APP_ENV.token}"`);
    expect(text).not.toContain("tokenSha256");
  });

  test("mounts each identity's token in its own containers and in the sidecar, from a volume of its own audience", () => {
    expect(ownVolumes(after)).toEqual(
      ["podrole.dev/pod", "podrole.dev/container/uploader"].map((audience, index) => ({
        name: `podrole-identity-${index}`,
        projected: {
          defaultMode: 0o644,
          sources: [{ serviceAccountToken: { audience, expirationSeconds: 86_400, path: "token" } }],
        },
      })),
    );
    expect(ownMounts(containerNamed(after, "app"))).toEqual([mountOf(0)]);
    expect(ownMounts(containerNamed(after, "uploader"))).toEqual([mountOf(1)]);
    expect(ownMounts(containerNamed(after, CONTAINER.sidecar))).toEqual(
      [0, 1].map((index) => ({
        name: `podrole-identity-${index}`,
        mountPath: `/run/podrole/${index}`,
        readOnly: true,
      })),
    );
    expect(ownMounts(containerNamed(after, CONTAINER.guard))).toEqual([]);
    for (const name of ["app", "uploader"])
      expect(envOf(containerNamed(after, name))[APP_ENV.tokenFile]).toBe(FILE);
    expect(identitiesOf(after).map(({ tokenFile }) => tokenFile)).toEqual([
      "/run/podrole/0/token",
      "/run/podrole/1/token",
    ]);
  });

  test("gives a container that another webhook adds the pod's identity, and keeps the numbers", () => {
    const late = injected(withContainer(throughApiServer(after), { name: "late" }), facts(), byFile);
    expect(ownMounts(containerNamed(late, "late"))).toEqual([mountOf(0)]);
    expect(envOf(containerNamed(late, "late"))[APP_ENV.tokenFile]).toBe(FILE);
    expect(ownVolumes(late)).toEqual(ownVolumes(after));
    expect(injected(late, facts(), byFile)).toEqual(late);
  });

  test("gives the mount to a container whose variables another webhook has copied", () => {
    const { env = [] } = containerNamed(after, "app");
    const copied = injected(withContainer(after, { name: "copy", env }), facts(), byFile);
    expect(ownMounts(containerNamed(copied, "copy"))).toEqual([mountOf(0)]);
  });
});

test("a pod with its token in a variable alone has no volume, mount or path of a token file", () => {
  const after = injected(two, facts(), byVariable);
  expect(ownVolumes(after)).toEqual([]);
  expect(JSON.stringify(after)).not.toMatch(/podrole-identity|tokenFile|AUTHORIZATION_TOKEN_FILE/);
  expect(envOf(containerNamed(after, "app"))[APP_ENV.token]).toBe(TOKEN);
});

test("a pod with both has the file and the variable, and the sidecar knows both", () => {
  const after = injected(pod());
  expect(envOf(containerNamed(after, "app"))).toMatchObject({
    [APP_ENV.tokenFile]: FILE,
    [APP_ENV.token]: TOKEN,
  });
  expect(identitiesOf(after)).toMatchObject([
    { tokenFile: "/run/podrole/0/token", tokenSha256: sha256(TOKEN) },
  ]);
});

describe("a container that takes another's token", () => {
  const after = injected(two);
  const mounting = (...volumeMounts: NonNullable<Container["volumeMounts"]>): Pod =>
    withContainer(after, { name: "thief", volumeMounts });
  const elsewhere = { ...mountOf(0), mountPath: "/stolen" };

  test.for([
    ["another container's", mountOf(1)],
    ["its own, elsewhere", elsewhere],
    ["its own, writable", { ...mountOf(0), readOnly: false }],
    ["its own, by a subPath", { ...mountOf(0), subPath: "token" }],
    ["its own, by a subPathExpr", { ...mountOf(0), subPathExpr: "$(X)" }],
    ["its own, propagated", { ...mountOf(0), mountPropagation: "HostToContainer" }],
    ["one that is not there", mountOf(7)],
  ] as const)("is denied when it mounts %s", ([, mount]) => {
    expect(denials(mounting(mount))).toEqual(["RESERVED_NAME"]);
    // Before podrole has seen the pod, too.
    expect(denials(withContainer(two, { name: "thief", volumeMounts: [mount] }))).toEqual(["RESERVED_NAME"]);
  });

  test("is denied when it mounts its own twice", () => {
    expect(denials(mounting(mountOf(0), elsewhere))).toEqual(["RESERVED_NAME"]);
  });

  test("is denied when the pod names other containers for credentials", () => {
    const skipping = { [ANNOTATION.role]: BILLING, [ANNOTATION.skipContainers]: "thief" };
    const one = injected(pod({ containers: [app, { name: "thief" }] }, skipping));
    const [, thief = app] = one.spec.containers;
    expect(ownMounts(thief)).toEqual([]);
    const spec = { ...one.spec, containers: [app, { ...thief, volumeMounts: [mountOf(0)] }] };
    expect(denials({ ...one, spec })).toEqual(["RESERVED_NAME"]);
  });

  test("is denied in a pod without a role", () => {
    expect(denials(withApp({ volumeMounts: [mountOf(0)] }, pod({}, {})))).toEqual(["RESERVED_NAME"]);
  });

  const audienceOf = (audience: string) => ({
    name: "mine",
    projected: { sources: [{ configMap: { name: "c" } }, { serviceAccountToken: { audience, path: "t" } }] },
  });

  test.for(["podrole.dev/pod", "podrole.dev/container/uploader", "podrole.dev/", "podrole-broker"])(
    "is denied when it asks the kubelet for a token of the audience %s",
    (audience) => {
      expect(denials(pod({ volumes: [audienceOf(audience)] }))).toEqual(["RESERVED_NAME"]);
    },
  );

  test("may not even in source broker, whose sidecar has the one token for the broker", () => {
    const settings = config({ source: "broker", brokerUrl: "https://broker.example", brokerCa: "a CA" });
    const allowed = facts({ grants: [grant("all", { roles: [`${ACCOUNT}*`], namespaces: ["shop"] })] });
    const one = injected(pod(), allowed, settings);
    expect(denials(one, allowed, settings)).toEqual(["inject"]);
    const volumes = [...(one.spec.volumes ?? []), audienceOf("podrole-broker")];
    expect(denials({ ...one, spec: { ...one.spec, volumes } }, allowed, settings)).toEqual(["RESERVED_NAME"]);
  });

  test("may have tokens of other audiences", () => {
    for (const audience of ["sts.amazonaws.com", "podrole.device", "podrole-brokers", "vault"]) {
      expect(denials(pod({ volumes: [audienceOf(audience)] }))).toEqual(["inject"]);
    }
  });

  test.for([
    ["of another audience", audienceOf("vault").projected],
    ["with a second source", audienceOf("podrole.dev/pod").projected],
    ["that is none", undefined],
  ] as const)("is denied when it brings the identity's volume %s", ([, projected]) => {
    const volume = {
      name: "podrole-identity-0",
      ...(projected === undefined ? { emptyDir: {} } : { projected }),
    };
    expect(denials(pod({ volumes: [volume] }))).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  test("is denied when it brings a volume of an identity that the pod does not have", () => {
    const [volume] = ownVolumes(after);
    expect(denials(pod({ volumes: [{ ...volume, name: "podrole-identity-1" }] }))).toEqual([
      "INJECTED_DIFFERENTLY",
    ]);
    expect(
      denials(pod({ volumes: [{ ...volume, name: "podrole-identity-0" }] }), facts(), byVariable),
    ).toEqual(["INJECTED_DIFFERENTLY"]);
  });
});

describe("a container with one of the endpoint's variables from the user", () => {
  test.for([APP_ENV.fullUri, APP_ENV.tokenFile, APP_ENV.token])(
    "keeps %s, gets none of podrole's and no mount, and a warning names it",
    (name) => {
      for (const settings of [config(), byFile, byVariable]) {
        const one = withApp({ env: [{ name, value: "mine" }] });
        const after = injected(one, facts(), settings);
        const env = envOf(containerNamed(after, "app"));
        const endpoint = [APP_ENV.fullUri, APP_ENV.tokenFile, APP_ENV.token].filter((key) => key in env);
        expect(endpoint).toEqual([name]);
        expect(env[name]).toBe("mine");
        expect(ownMounts(containerNamed(after, "app"))).toEqual([]);
        expect(codes(one, facts(), settings)).toEqual(["CREDENTIALS_SHADOWED"]);
      }
    },
  );

  test("gets a warning when it has podrole's path and no address", () => {
    const one = withApp({ env: [{ name: APP_ENV.tokenFile, value: FILE }] });
    expect(codes(one)).toEqual(["CREDENTIALS_SHADOWED"]);
    expect(ownMounts(containerNamed(injected(one), "app"))).toEqual([mountOf(0)]);
  });
});
