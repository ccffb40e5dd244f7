import { describe, expect, test } from "vitest";
import { check } from "../../../../injector/cli/check/checks.ts";
import type { CheckFacts } from "../../../../injector/cli/check/facts.ts";
import type { Readyz } from "../../../../injector/cli/check/broker/readyz.ts";
import type { CheckCode } from "../../../../injector/cli/check/result.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../../../injector/tls/certificates.ts";
import { CONTAINER } from "../../../../sidecar/contract/pod.ts";
import { ENV } from "../../../../sidecar/contract/env.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { facts, grant, role } from "../../../support/facts.ts";
import { absent, DAY_MS, named } from "./checks-rig.ts";
import { BROKER_HOST, brokerAuthority, brokerConfig, found, granted, healthy, NOW } from "./healthy.ts";

const said = (code: CheckCode, over: Partial<CheckFacts> = {}) =>
  check(healthy({ config: brokerConfig, namespaces: found([granted]), ...over }))
    .filter((one) => one.code === code)
    .map(({ status, message }) => `${status}: ${message}`);
const replicas = (...all: readonly Readyz[]) => ({ brokerReadyz: found(all) });
const SESSION = "arn:aws:sts::111122223333:assumed-role/podrole-broker/";

describe("the broker", () => {
  test("without a Deployment or a ready replica fails, and says that no new session is made", () => {
    expect(said("BROKER", { brokerDeployment: absent })[0]).toMatch(
      /^fail: There is no Deployment podrole-system\/podrole-broker: no pod of source broker gets a new session\.$/,
    );
    const deployment = (ready: number, wanted: number) =>
      found({ spec: { replicas: wanted }, status: { readyReplicas: ready, updatedReplicas: ready } });
    expect(said("BROKER", { brokerDeployment: deployment(0, 2) })[0]).toMatch(/^fail: .+ 0 of 2/);
    expect(said("BROKER", { brokerDeployment: deployment(1, 2) })[0]).toMatch(/^warn: .+ 1 of 2/);
    expect(said("BROKER", { brokerDeployment: deployment(1, 1) })[0]).toMatch(/^warn: .+ one replica/);
  });

  test("without a Service, or one that leads nowhere, fails", () => {
    expect(said("BROKER_SERVICE", { brokerService: absent })[0]).toMatch(/^fail: There is no Service/);
    expect(said("BROKER_SERVICE", { brokerEndpointSlices: found([{}]) })[0]).toMatch(
      /^fail: .+ no ready endpoint/,
    );
  });

  test.for([
    ["https://podrole-broker.podrole-system.svc", /^ok/],
    ["https://podrole-broker.podrole-system.svc.cluster.local", /^ok/],
    ["https://podrole-broker.podrole-system.svc:8443", /^warn: .+ was not checked\.$/],
    ["https://podrole-broker.other.svc", /^warn: .+ which is not the Service's name/],
  ] as const)("at %s", ([brokerUrl, expected]) => {
    expect(said("BROKER_SETTINGS", { config: { ...brokerConfig, brokerUrl } })[0]).toMatch(expected);
  });

  test("without a CA fails: every pod of the source is denied", () => {
    const config = { ...brokerConfig, brokerCa: undefined };
    expect(said("BROKER_SETTINGS", { config })[0]).toMatch(/^fail: .+ no brokerCa/);
  });

  test("that has refused new settings is told of in its own words, once", () => {
    const detail = "source is not one of web-identity, node, ambient, broker.";
    const ready = (pod: string) => ({ pod, kind: "ready", identity: `${SESSION}${pod}`, detail }) as const;
    expect(said("BROKER_SETTINGS", replicas(ready("a"), ready("b")))).toEqual([
      `warn: The broker goes on with earlier settings: ${detail}`,
    ]);
  });

  test("that lacks a right fails, with the right's name as kubectl writes it", () => {
    const lacking = found([
      { verb: "create", group: "authentication.k8s.io", resource: "tokenreviews" },
      { verb: "get", group: "", resource: "pods" },
    ]);
    expect(said("BROKER_ACCESS", { brokerRights: lacking })[0]).toMatch(
      /^fail: .+ may not create tokenreviews\.authentication\.k8s\.io, get pods,/,
    );
    const watching = found([
      { verb: "list", group: "podrole.dev", resource: "rolegrants" },
      { verb: "watch", group: "podrole.dev", resource: "rolegrants" },
    ]);
    expect(said("BROKER_ACCESS", { brokerRights: watching })[0]).toContain(
      "may not list/watch rolegrants.podrole.dev,",
    );
    expect(said("BROKER_ACCESS", { brokerRights: absent })[0]).toMatch(/^skip: .+ no Deployment/);
  });
});

describe("the broker's identity", () => {
  test("is told as the principal that roles have to trust: the role of its session, or its user", () => {
    expect(said("BROKER_IDENTITY")[0]).toMatch(
      /^ok: .+ --principal arn:aws:iam::111122223333:role\/podrole-broker, with the role's path if it has one\.$/,
    );
    const identity = "arn:aws:iam::111122223333:user/broker";
    expect(said("BROKER_IDENTITY", replicas({ pod: "a", kind: "ready", identity }))[0]).toMatch(
      /^ok: To AWS the broker is arn:aws:iam::111122223333:user\/broker\./,
    );
  });

  test("is one though each replica has a session of its own, and fails where replicas differ", () => {
    const ready = (pod: string, identity: string) => ({ pod, kind: "ready", identity }) as const;
    const same = replicas(ready("a", `${SESSION}a`), ready("b", `${SESSION}b`));
    expect(said("BROKER_IDENTITY", same)).toEqual([expect.stringMatching(/^ok/)]);
    const other = ready("b", "arn:aws:sts::111122223333:assumed-role/nodes/i-1");
    expect(said("BROKER_IDENTITY", replicas(ready("a", `${SESSION}a`), other))).toEqual([
      expect.stringMatching(/^fail: .+ different identities/),
    ]);
  });

  test("fails with a replica's own sentence, beside what the others say", () => {
    const unready = (pod: string) =>
      ({ pod, kind: "unready", said: "STS refuses the broker's identity: ExpiredToken." }) as const;
    expect(
      said(
        "BROKER_IDENTITY",
        replicas(unready("a"), unready("b"), { pod: "c", kind: "ready", identity: `${SESSION}c` }),
      ),
    ).toEqual([
      "fail: a, b are not ready: STS refuses the broker's identity: ExpiredToken.",
      expect.stringMatching(/^ok: .+role\/podrole-broker, by 1 of 3 replicas\./),
    ]);
    expect(said("BROKER_IDENTITY", replicas({ pod: "a", kind: "ready", identity: undefined }))[0]).toMatch(
      /^warn: .+ has not told it yet who it is \(GetCallerIdentity\)/,
    );
  });

  test("is skipped, with another way to see it, where the caller or the API server may not ask a replica", () => {
    expect(said("BROKER_IDENTITY", replicas({ pod: "a", kind: "forbidden" }))[0]).toMatch(
      /^skip: .+ may not get pods\/proxy in podrole-system.+ port-forward/,
    );
    expect(said("BROKER_IDENTITY", replicas({ pod: "a", kind: "unreached", why: "i/o timeout" }))[0]).toMatch(
      /^skip: .+ \(i\/o timeout\).+ port-forward/,
    );
    expect(said("BROKER_IDENTITY", replicas())[0]).toMatch(/^skip: .+ no replica/);
  });
});

describe("namespaces of source broker", () => {
  const of = (...namespaces: readonly ReturnType<typeof facts>[]) => ({ namespaces: found(namespaces) });

  test("in which no rule allows any role are named: every role is refused there", () => {
    expect(said("BROKER_GRANTS", of(granted, named("till"), named("bank")))).toEqual([
      expect.stringMatching(
        /^warn: No rule allows any role in bank, till|^warn: No rule allows any role in till, bank/,
      ),
    ]);
  });

  test.for([
    ["a list of the namespace", { annotations: { [ANNOTATION.namespaceAllowedRoles]: '["*"]' } }],
    ["a grant for it", { grants: [grant("g", { roles: ["*"], namespaces: ["shop"] })] }],
  ] as const)("are fine with %s", ([, over]) => {
    expect(said("BROKER_GRANTS", of(facts(over)))[0]).toMatch(/^ok/);
  });

  test("are fine with a default role of the installation, and not with a grant that denies", () => {
    const defaultRole = role("arn:aws:iam::111122223333:role/everybody");
    expect(said("BROKER_GRANTS", { ...of(facts()), config: { ...brokerConfig, defaultRole } })[0]).toMatch(
      /^ok/,
    );
    const deny = grant("d", { effect: "Deny", roles: ["*"], namespaces: ["shop"] });
    expect(said("BROKER_GRANTS", of(facts({ grants: [deny] })))[0]).toMatch(/^warn/);
  });

  test("are only those that chose it, where another source is the usual one", () => {
    const config = { ...brokerConfig, source: "web-identity" as const, sourceOverride: ["broker" as const] };
    const chosen = named("till", { annotations: { [ANNOTATION.source]: "broker" } });
    expect(said("BROKER_GRANTS", { ...of(facts(), chosen), config })).toEqual([
      expect.stringMatching(/^warn: No rule allows any role in till:/),
    ]);
    expect(said("BROKER_GRANTS", { ...of(facts()), config })[0]).toMatch(/^skip: .+ no namespace/);
  });
});

describe("the broker's certificate", async () => {
  const certificate = async (days: number, name = BROKER_HOST, ca = brokerAuthority) =>
    found((await servingCertificate(ca, [name], validFor(days, NOW))).cert);
  const other = await certificateAuthority("podrole broker CA", validFor(3650, NOW));

  test("that is valid, for the host of brokerUrl and by a CA of brokerCa is fine", () => {
    expect(said("BROKER_CERTIFICATE")).toEqual([expect.stringMatching(/^ok: .+ until 2026-12-24\.$/)]);
  });

  test.for([
    ["missing", /^fail: There is no Secret podrole-system\/podrole-broker-tls/, absent],
    ["unreadable", /^fail: .+ no certificate that can be read/, found("AAAA")],
    ["over", /^fail: The broker's certificate has ended/, await certificate(-1)],
    ["near its end", /^warn: .+ ends soon/, await certificate(0.0005)],
    ["for another host", /^fail: .+ not for podrole-broker/, await certificate(30, "x.example")],
    ["of another CA", /^fail: .+ not signed by a CA of brokerCa/, await certificate(30, BROKER_HOST, other)],
  ] as const)("that is %s is told", ([, expected, brokerCertificate]) => {
    expect(said("BROKER_CERTIFICATE", { brokerCertificate })).toEqual([expect.stringMatching(expected)]);
  });

  test("is of any CA of brokerCa while there are two", async () => {
    const config = { ...brokerConfig, brokerCa: brokerAuthority.cert + other.cert };
    for (const ca of [brokerAuthority, other]) {
      const brokerCertificate = await certificate(30, BROKER_HOST, ca);
      expect(said("BROKER_CERTIFICATE", { config, brokerCertificate })[0]).toMatch(/^ok/);
    }
  });

  describe("and pods that were made before", () => {
    const pod = (name: string, brokerCa: string) => ({
      metadata: { name },
      spec: {
        initContainers: [{ name: CONTAINER.sidecar, env: [{ name: ENV.brokerCa, value: brokerCa }] }],
      },
      status: { phase: "Running" },
    });
    const pods = (...all: readonly ReturnType<typeof pod>[]) => ({
      pods: found([{ namespace: "shop", pods: found(all) }]),
    });

    test("are fine while they trust its CA", () => {
      expect(said("BROKER_PODS", pods(pod("a", brokerAuthority.cert)))).toEqual([
        "ok: Every pod of source broker trusts its CA.",
      ]);
    });

    test("are named where they do not trust its CA", () => {
      const all = pods(pod("a", brokerAuthority.cert), pod("b", other.cert), pod("c", other.cert));
      expect(said("BROKER_PODS", all)).toEqual([
        expect.stringMatching(/^fail: 2 pods in shop cannot reach the broker, .+: b, c|: b and c/),
      ]);
    });

    test("have until the certificate's end where its CA was lost, and years in a change that was planned", async () => {
      const config = { ...brokerConfig, brokerCa: brokerAuthority.cert + other.cert };
      const all = pods(pod("old", brokerAuthority.cert), pod("new", config.brokerCa));
      expect(said("BROKER_PODS", { ...all, config })).toEqual([
        expect.stringMatching(/^warn: A pod in shop .+ from 2026-12-24 on, .+ its CA was lost: old\.$/),
      ]);
      const later = (days: number) => said("BROKER_PODS", { ...all, config, now: NOW + days * DAY_MS });
      expect(later(3200)[0]).toMatch(/^ok/);
      expect(later(3400)).toEqual([
        expect.stringMatching(
          /^warn: A pod in shop .+ from 2036-09-22 on, when another CA signs its certificate: old\.$/,
        ),
      ]);
    });
  });
});
