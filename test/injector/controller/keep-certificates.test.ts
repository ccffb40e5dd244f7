import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../../injector/tls/certificates.ts";
import { certificatesIn } from "../../../injector/tls/pem.ts";
import { fakeTlsApi } from "../../support/fake-tls-api.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";
import {
  accepted,
  begun,
  bundled,
  controller,
  DAY,
  durations,
  injector,
  keysIn,
  NAMES,
  put,
  stored,
} from "./certificates-rig.ts";
import { pass } from "./pass.ts";

describe("the controller, in an empty namespace,", () => {
  test("puts a CA into every webhook before it writes a certificate of that CA", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const keeps = controller(api, clock);
    const bundlesAtWrite: (readonly number[])[] = [];
    api.before = (request) => {
      if (request === "PUT secret") bundlesAtWrite.push(bundled(api));
    };
    await keeps.round();
    expect(keeps.actions).toEqual(["announce", "patch", "switch"]);
    expect(bundlesAtWrite).toEqual([[1, 1]]);
    expect(keysIn(api)).toEqual(["ca.crt", "tls.crt", "tls.key"]);
    expect(api.secret()).toMatchObject({
      type: "kubernetes.io/tls",
      metadata: { name: "podrole-injector-tls", namespace: "podrole-system" },
    });
    const leaf = new X509Certificate(stored(api).serving?.cert ?? "");
    expect(NAMES.map((name) => leaf.checkHost(name))).toEqual(NAMES);
  });

  test("recognises the names of its certificate, including addresses of both families", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const keeps = controller(api, clock, [...NAMES, "10.0.0.1", "fd00:ec2::1"]);
    await keeps.round();
    await keeps.round();
    expect(keeps.actions).toEqual(["announce", "patch", "switch"]);
    const leaf = new X509Certificate(stored(api).serving?.cert ?? "");
    expect(["10.0.0.1", "fd00:ec2::1"].map((address) => leaf.checkIP(address))).not.toContain(undefined);
  });

  test("writes nothing more when nothing has changed", async () => {
    const { api, clock, keeps, serves } = await begun();
    api.requests.length = 0;
    await pass(clock, 60_000, [keeps, serves]);
    expect(new Set(api.requests)).toEqual(new Set(["GET webhooks", "GET keys", "GET secret"]));
    expect(serves.pairs).toHaveLength(1);
  });

  test("makes one CA when two controllers start at the same time", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const [one, two] = [controller(api, clock), controller(api, clock)];
    const serves = injector(api, clock);
    await Promise.all([one.round(), two.round()]);
    await serves.look();
    expect([...one.actions, ...two.actions].filter((action) => action === "announce")).toHaveLength(1);
    expect([...one.actions, ...two.actions].filter((action) => action === "switch")).toHaveLength(1);
    expect(accepted(api, serves)).toBe(true);
  });

  test("makes the certificate even if there is no webhook configuration yet", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const [keeps, serves] = [controller(api, clock), injector(api, clock)];
    api.setBundles(undefined);
    expect((await thrown(keeps.round)).code).toBe("TLS_WEBHOOK_MISSING");
    await serves.look();
    expect(serves.served.trouble()).toBeUndefined();
    api.setBundles(["", ""]);
    await keeps.round();
    expect(accepted(api, serves)).toBe(true);
  });
});

describe("a rotation", () => {
  test("of only the certificate happens after twenty days, with the same CA, and reaches all injectors", async () => {
    const { api, clock, keeps, serves } = await begun();
    const two = injector(api, clock);
    await two.look();
    const bundle = api.bundles();
    clock.jump(20 * DAY);
    await keeps.round();
    await serves.look();
    await two.look();
    expect(serves.pairs).toHaveLength(2);
    expect(two.pairs).toEqual(serves.pairs);
    expect(api.bundles()).toEqual(bundle);
  });

  test("of the CA adds the new CA before using it, and removes the old CA last", async () => {
    const { api, clock, keeps, serves } = await begun();
    clock.jump(244 * DAY);
    await keeps.round();
    await serves.look();
    const before = serves.pairs.at(-1);
    expect(bundled(api)).toEqual([2, 2]);
    expect(keysIn(api)).toContain("next-ca.crt");
    await pass(clock, 110_000, [keeps, serves]);
    expect(serves.pairs.at(-1)).toEqual(before);
    await pass(clock, 20_000, [keeps, serves]);
    expect(serves.pairs.at(-1)).not.toEqual(before);
    expect([accepted(api, serves), ...bundled(api)]).toEqual([true, 2, 2]);
    expect(keysIn(api)).toEqual(["ca.crt", "previous-ca.crt", "tls.crt", "tls.key"]);
    await pass(clock, durations.overlapMs, [keeps, serves]);
    expect(bundled(api)).toEqual([1, 1]);
    expect(keysIn(api)).not.toContain("previous-ca.crt");
    expect(accepted(api, serves)).toBe(true);
  });

  test("keeps injectors trusted at every moment, even with alternating controllers and an injector that looks rarely", async () => {
    const { api, clock, keeps, serves } = await begun();
    const [second, slow] = [controller(api, clock), injector(api, clock)];
    await slow.look();
    clock.jump(244 * DAY);
    // It does not read the Secret from the change of CAs until shortly before the end of the overlap.
    await pass(clock, 120_000 + durations.overlapMs - 30_000, [keeps, second, serves], () =>
      expect([accepted(api, serves), accepted(api, slow)]).toEqual([true, true]),
    );
    expect(keeps.actions.concat(second.actions)).toContain("switch");
    await slow.look();
    await pass(clock, 60_000, [keeps, second, serves], () =>
      expect([accepted(api, serves), accepted(api, slow)]).toEqual([true, true]),
    );
    expect(bundled(api)).toEqual([1, 1]);
  });
});

describe("in trouble, the controller", () => {
  test.for([
    ["GET secret", new Refusal(403, "no"), "TLS_SECRET_FORBIDDEN", "create secrets, and get and update"],
    ["POST secret", new Refusal(403, "no"), "TLS_SECRET_FORBIDDEN", "create secrets, and get and update"],
    [
      "POST secret",
      new Refusal(404, "no namespace"),
      "TLS_SECRET_REFUSED",
      "Create namespace podrole-system",
    ],
    ["POST secret", new Refusal(422, "data: -----BEGIN PRIVATE"), "TLS_SECRET_REFUSED", "Delete it"],
    [
      "GET secret",
      new SyntaxError('"-----BEGIN PRIVATE" is not JSON'),
      "TLS_API_UNAVAILABLE",
      "keeps trying",
    ],
    ["GET webhooks", new Refusal(403, "no"), "TLS_WEBHOOK_FORBIDDEN", "get and patch mutatingwebhook"],
    ["GET webhooks", new Refusal(404, "no"), "TLS_WEBHOOK_MISSING", "Apply the webhook configuration"],
    ["PATCH webhooks", new Refusal(422, "policy says no"), "TLS_WEBHOOK_REFUSED", "policy says no"],
    ["GET secret", new Refusal(503, "later"), "TLS_API_UNAVAILABLE", "keeps trying"],
    ["GET webhooks", new Error("connect ECONNREFUSED"), "TLS_API_UNAVAILABLE", "keeps trying"],
  ] as const)("with %s reports a code and what to do, reveals no key, and recovers", async (row) => {
    const [on, failure, code, remedy] = row;
    const [api, clock] = [fakeTlsApi(), handClock()];
    const [keeps, serves] = [controller(api, clock), injector(api, clock)];
    api.failures.set(on, failure);
    const error = await thrown(keeps.round);
    expect([error.code, error.remedy]).toEqual([code, expect.stringContaining(remedy) as string]);
    expect(error.message + JSON.stringify(keeps.lines)).not.toMatch(/PRIVATE|BEGIN/);
    api.failures.clear();
    await keeps.round();
    await serves.look();
    expect(accepted(api, serves)).toBe(true);
  });

  test("writes no certificate while it cannot read what API servers trust", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    api.failures.set("GET webhooks", new Refusal(403, "no"));
    await thrown(controller(api, clock).round);
    expect(api.secret()).toBeUndefined();
  });

  test.for(["GET webhooks", "PATCH webhooks"])("renews the certificate even if %s is refused", async (on) => {
    const { api, clock, keeps, serves } = await begun();
    api.failures.set(on, new Refusal(403, "no"));
    if (on === "PATCH webhooks") api.setBundles(["", ""]);
    clock.jump(29 * DAY);
    expect((await thrown(keeps.round)).code).toBe("TLS_WEBHOOK_FORBIDDEN");
    await serves.look();
    expect(serves.pairs).toHaveLength(2);
  });

  test("makes a new certificate when the one in the Secret is for another Service", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const ca = await certificateAuthority("podrole CA", validFor(300, clock.now()));
    put(api, {
      ca,
      serving: await servingCertificate(ca, ["other.podrole-system.svc"], validFor(25, clock.now())),
    });
    const [keeps, serves] = [controller(api, clock), injector(api, clock)];
    await serves.look();
    expect(serves.pairs).toEqual([]);
    await keeps.round();
    await serves.look();
    expect(keeps.actions).toEqual(["patch", "issue"]);
    expect(accepted(api, serves)).toBe(true);
  });

  test("gives up for this look and reports it when somebody undoes its changes", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    api.before = (request) => request === "GET webhooks" && api.setBundles(["", ""]);
    expect((await thrown(controller(api, clock).round)).code).toBe("TLS_UNSETTLED");
    expect(api.requests.length).toBeLessThan(60);
  });

  test("writes keys only into the Secret", async () => {
    const { api, clock, keeps, serves } = await begun();
    clock.jump(244 * DAY);
    await pass(clock, 150_000, [keeps, serves]);
    const said = JSON.stringify([keeps.lines, serves.lines, keeps.actions, api.bundles()]);
    expect(said).not.toContain("PRIVATE");
    expect(said).not.toContain(Buffer.from("-----BEGIN").toString("base64").slice(0, 12));
    expect(api.bundles().flatMap(certificatesIn)).toHaveLength(4);
  });
});
