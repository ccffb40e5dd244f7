import { describe, expect, test } from "vitest";
import { certificateAuthority, servingCertificate, validFor } from "../../../../injector/tls/certificates.ts";
import { requireConfig } from "../../../../injector/config/read-config.ts";
import { authority, found, HOST, NOW, webhookConfiguration, type Loose } from "./healthy.ts";
import { DAY_MS, absent, unread, problems, said, webhook } from "./checks-rig.ts";

describe("the webhook", () => {
  test("that is not there, or there twice, or not called for ephemeral containers", () => {
    expect(said("WEBHOOK", { webhooks: found([]) })[0]).toMatch(/^fail: No Mutating/);
    const other = { ...webhookConfiguration(), metadata: { name: "old" } };
    expect(said("WEBHOOK", { webhooks: found([webhookConfiguration(), other]) })[0]).toMatch(
      /^warn: .+ podrole, old/,
    );
    const deaf = webhook((_, all) => (all.webhooks[1].rules[0].resources = ["pods"]));
    expect(said("WEBHOOK", deaf)).toEqual([
      "fail: The webhook is not called for UPDATE of pods/ephemeralcontainers, UPDATE of pods/resize.",
    ]);
  });

  test("is judged for running pods as for new ones", () => {
    const open = webhook((_, all) => (all.webhooks[1].failurePolicy = "Ignore"));
    expect(said("WEBHOOK_FAILURE", open)).toEqual([expect.stringMatching(/^warn/)]);
  });

  test("fails when it fails open, unless the admission policy denies instead", () => {
    const open = webhook((pods) => (pods.failurePolicy = "Ignore"));
    expect(said("WEBHOOK_FAILURE", open)[0]).toMatch(/^warn/);
    expect(said("WEBHOOK_FAILURE", { ...open, policies: found([]) })[0]).toMatch(/^fail/);
    expect(said("WEBHOOK_FAILURE", { ...open, policies: unread })[0]).toMatch(/^fail/);
  });

  test.for([
    ["no selector", (pods: Loose) => delete pods.namespaceSelector, "without the label"],
    [
      "another label",
      (pods: Loose) => (pods.namespaceSelector.matchLabels = { a: "b" }),
      "not called for labelled",
    ],
    [
      "no exclusions",
      (pods: Loose) => delete pods.namespaceSelector.matchExpressions,
      "kube-system is not excluded",
    ],
    [
      "no exclusion of its own",
      (pods: Loose) => (pods.namespaceSelector.matchExpressions[0].values = ["kube-system"]),
      "own namespace podrole-system",
    ],
    [
      "an object selector",
      (pods: Loose) => (pods.objectSelector = { matchLabels: { a: "b" } }),
      "objectSelector",
    ],
  ] as const)("with %s fails", ([, change, words]) => {
    expect(said("WEBHOOK_SCOPE", webhook(change))[0]).toMatch(new RegExp(`^fail: .*${words}`));
  });

  test("with an object selector that the API server has written out empty is as shipped", () => {
    expect(problems(webhook((pods) => (pods.objectSelector = {})))).toEqual([]);
  });

  test("with other settings than shipped warns, all in one", () => {
    const [line] = said(
      "WEBHOOK_SETTINGS",
      webhook((pods) =>
        Object.assign(pods, { reinvocationPolicy: "Never", matchPolicy: "Exact", timeoutSeconds: 30 }),
      ),
    );
    expect(line).toMatch(/^warn: .*reinvocationPolicy.*matchPolicy.*30/);
  });
});

describe("certificates", () => {
  const bundle = (...pems: readonly string[]) => ({ webhooks: found([webhookConfiguration(pems.join(""))]) });

  test("the caBundle: empty, unreadable, different between webhooks", () => {
    const set = (caBundle: unknown) =>
      webhook((_, all) => all.webhooks.forEach((one: Loose) => (one.clientConfig.caBundle = caBundle)));
    expect(said("CA_BUNDLE", set(undefined))[0]).toMatch(/^fail: .+ is empty/);
    expect(said("CA_BUNDLE", set("CA_BUNDLE"))[0]).toMatch(/^fail: .+ can be read/);
    expect(
      said("CA_BUNDLE", set(btoa("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")))[0],
    ).toMatch(/^fail: .+ can be read/);
    expect(
      said(
        "CA_BUNDLE",
        webhook((pods) => (pods.clientConfig.caBundle = "AA==")),
      )[0],
    ).toMatch(/^fail: .+ different/);
  });

  test.for([
    [0, "ok"],
    [364 - 14, "ok"],
    [365 - 13, "warn"],
    [366, "fail"],
    [-2, "fail"],
  ] as const)("the CA %i days after it was made: %s", ([days, status]) => {
    expect(said("CA_BUNDLE", { now: NOW + days * DAY_MS })[0]).toMatch(new RegExp(`^${status}`));
  });

  test("a short-lived certificate warns only in the last fifth of its life", async () => {
    const short = await certificateAuthority("short", validFor(7, NOW));
    expect(said("CA_BUNDLE", bundle(short.cert))[0]).toMatch(/^ok/);
    expect(said("CA_BUNDLE", { ...bundle(short.cert), now: NOW + 6 * DAY_MS })[0]).toMatch(/^warn/);
  });

  test("with two CAs in the bundle, as during a rotation, either will do, and an expired one does not matter", async () => {
    const old = await certificateAuthority("podrole", validFor(1, NOW - 5 * DAY_MS));
    expect(problems(bundle(old.cert, authority.cert))).toEqual([]);
  });

  test("a certificate fails when it is of another CA, for another name, or expired", async () => {
    const stranger = await certificateAuthority("podrole", validFor(365, NOW));
    expect(said("CERTIFICATE", bundle(stranger.cert))[0]).toMatch(/^fail: .+ not signed by a CA/);
    const named = await servingCertificate(authority, ["other.svc"], validFor(90, NOW));
    expect(said("CERTIFICATE", { certificate: found(named.cert) })[0]).toMatch(
      new RegExp(`^fail: .+ not for ${HOST}`),
    );
    expect(said("CERTIFICATE", { now: NOW + 91 * DAY_MS })[0]).toMatch(/^fail: .+ has ended, on 2027-02-22/);
    expect(said("CERTIFICATE", { certificate: found("") })[0]).toMatch(/^fail/);
  });

  test("a self-signed certificate is its own CA", async () => {
    const self = await servingCertificate(authority, [HOST], validFor(365, NOW));
    expect(problems({ ...bundle(self.cert), certificate: found(self.cert) })).toEqual([]);
  });
});

describe("the admission policy", () => {
  const policy = (over: object) => ({
    policies: found([{ metadata: { name: "podrole" }, spec: {}, ...over }]),
  });

  test("that is not there is broken, but for an API server that knows none; so is one that ignores failures", () => {
    expect(said("POLICY", { policies: found([]) })[0]).toMatch(/^fail: There is no/);
    expect(said("POLICY", { policies: absent })[0]).toMatch(/^warn: There is no/);
    const typeChecking = {
      expressionWarnings: [{ fieldRef: "spec.validations[0]", warning: "undefined field 'x'\n at" }],
    };
    // Doubts are a warning: they are the API server's of a version that may not know what ours does.
    expect(said("POLICY", policy({ status: { typeChecking } }))).toEqual([
      "warn: The API server warns about expressions of podrole: spec.validations[0]: undefined field 'x'.",
    ]);
    expect(said("POLICY", policy({ spec: { failurePolicy: "Ignore" } }))[0]).toMatch(/^fail/);
  });

  test("of annotations is not up to date where the ConfigMap alone has other keys than the chart's values", () => {
    const expression = "k in ['iam.amazonaws.com/external-id', 'kiam.example/session']";
    const policies = found([
      { metadata: { name: "podrole-annotations" }, spec: { validations: [{ expression }] } },
    ]);
    const of = (sessionNameKey: string) =>
      said("POLICY", { policies, config: requireConfig({ sessionNameKey }) });
    expect(of("kiam.example/session")).toEqual([
      "ok: ValidatingAdmissionPolicy podrole-annotations is installed.",
    ]);
    expect(of("other.example/session")[0]).toMatch(
      /^warn: podrole-annotations does not know the settings' keys other\.example\/session:/,
    );
    expect(said("POLICY", { policies, configProblem: "There is no ConfigMap." })[0]).toMatch(/^ok/);
  });

  test("fails when it is not bound, or bound without Deny", () => {
    expect(said("POLICY_BINDING", { ...policy({}), bindings: found([]) })[0]).toMatch(
      /^fail: podrole is not bound/,
    );
    const audit = { metadata: { name: "b" }, spec: { policyName: "podrole", validationActions: ["Audit"] } };
    expect(said("POLICY_BINDING", { ...policy({}), bindings: found([audit]) })[0]).toMatch(
      /^fail: .+ denies nothing/,
    );
  });
});
