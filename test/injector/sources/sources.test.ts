import { OWN_RESOURCES } from "../../../injector/model/own-resources.ts";
import { describe, expect, test } from "vitest";
import { SOURCE_KINDS } from "../../../injector/sources/sources.ts";
import { guardContainer } from "../../../injector/mutate/guard-container.ts";
import { sidecarContainer } from "../../../injector/mutate/sidecar-container.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { RESERVED_PREFIX } from "../../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";
import { SOURCES } from "../../../sidecar/contract/session.ts";
import { noApiTokenMount } from "../../../injector/model/no-api-token.ts";
import { config } from "../../support/config.ts";
import { SOME_CERTIFICATE } from "../../support/setting-samples.ts";

const settings = config({
  ambientSecret: "aws-keys",
  brokerUrl: "https://podrole-broker.podrole-system.svc",
  brokerCa: SOME_CERTIFICATE,
});

describe.for(SOURCES)("source %s", (name) => {
  const kind = SOURCE_KINDS[name];
  const sidecar = {
    identities: [],
    source: name,
    sessionName: "{pod}",
    stsRegion: "eu-west-1",
    stsEndpoint: "https://sts.eu-west-1.amazonaws.com",
    region: undefined,
    start: "wait",
    token: "env",
    audience: "sts.amazonaws.com",
    stsProxy: undefined,
  } as const;
  const intent = {
    guard: "block",
    sidecar,
    imds: undefined,
    mesh: undefined,
    resources: OWN_RESOURCES,
  } as const;

  test("has its own name, and can be used with the settings that it needs", () => {
    expect(kind.name).toBe(name);
    expect(kind.problem?.(settings)).toBeUndefined();
    expect(kind.startsFrom(settings)).not.toBe("");
  });

  test("has its variables, its volume and nothing of another source in the sidecar", () => {
    const { env = [], volumeMounts = [] } = sidecarContainer(settings, intent, sidecar, () => "", {
      uid: SIDECAR_UID,
      gid: SIDECAR_UID,
    });
    expect(env).toEqual(expect.arrayContaining([...kind.env(settings)]));
    expect(volumeMounts).toEqual([
      ...(kind.volume === undefined ? [] : [kind.volume.mount]),
      noApiTokenMount,
    ]);
    expect(kind.volume?.of("a").name).toBe(kind.volume?.mount.name);
    expect(kind.volume?.mount.name ?? RESERVED_PREFIX).toMatch(new RegExp(`^${RESERVED_PREFIX}`));
  });

  test("opens the guard to the sidecar's uid only if it needs the metadata service", () => {
    const open = guardContainer(settings, intent, { uid: SIDECAR_UID, gid: SIDECAR_UID }).env?.find(
      (one) => one.name === ENV.openUid,
    );
    expect(open?.value).toBe(kind.opensGuard ? String(SIDECAR_UID) : undefined);
  });

  test("lets podrole's own rules decide unless IAM knows the pod's service account", () => {
    const byToken = kind.firstCall === "AssumeRoleWithWebIdentity";
    expect(kind.defaultPolicy).toBe(byToken ? "listed" : "enforce");
    expect(kind.principalRemedy === undefined).toBe(byToken);
  });
});

test("source ambient needs the name of its Secret", () => {
  expect(SOURCE_KINDS.ambient.problem?.(config())).toMatch(/^needs ambientSecret/);
});
