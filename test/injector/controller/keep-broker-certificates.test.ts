import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { certificates } from "../../../injector/config/certificates-kind.ts";
import { madeAt } from "../../../injector/controller/broker-bundle.ts";
import { certificateAuthority, validFor } from "../../../injector/tls/certificates.ts";
import type { FakeObjects } from "../../support/fake-objects.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";
import {
  authorities,
  begun,
  broker,
  type Broker,
  bundle,
  CA_SECRET,
  CONFIG,
  connects,
  controller,
  DAY,
  HOST,
  setBundle,
  setTls,
  TLS_SECRET,
  tls,
  trusted,
  withSettings,
} from "./broker-rig.ts";
import { pass } from "./pass.ts";

const YEAR = 365 * DAY;

describe("the controller, where the broker has no certificate yet,", () => {
  test("writes the CA into brokerCa before it writes a certificate of that CA", async () => {
    const { api, clock, keeps, serves } = await begun();
    expect(keeps.actions).toEqual(["create", "publish", "issue"]);
    const writes = api.requests.filter((request) => !request.startsWith("GET"));
    expect(writes).toEqual([`POST ${CA_SECRET}`, `PATCH ${CONFIG}`, `POST ${TLS_SECRET}`]);
    expect(connects(bundle(api), serves, clock)).toBe(true);
    expect(keeps.losses()).toBe(0);
  });

  test("writes brokerCa in the one form that its kind writes, and no other setting", async () => {
    const { api, clock } = await begun();
    expect(bundle(api)).toBe(certificates.write(certificates.parse(bundle(api))));
    expect(Object.keys(api.object(CONFIG)?.data ?? {})).toEqual(["source", "brokerCa"]);
    expect(madeAt(trusted(api)[0] ?? "")).toBe(clock.now());
  });

  test("keeps the CA's key from the Secret that the broker reads", async () => {
    const { api } = await begun();
    expect(Object.keys(api.object(CA_SECRET)?.data ?? {})).toEqual(["ca.crt", "ca.key"]);
    expect(Object.keys(api.object(TLS_SECRET)?.data ?? {})).toEqual(["ca.crt", "tls.crt", "tls.key"]);
    expect([api.object(CA_SECRET)?.["type"], api.object(TLS_SECRET)?.["type"]]).toEqual([
      "Opaque",
      "kubernetes.io/tls",
    ]);
  });

  test("makes a CA for ten years, and a certificate for thirty days with the Service's names", async () => {
    const [api, clock] = [withSettings(), handClock()];
    await controller(api, clock, ["broker.example", "10.0.0.1"]).round();
    const ca = new X509Certificate(authorities(api).ca?.cert ?? "");
    const leaf = new X509Certificate(tls(api).serving?.cert ?? "");
    expect([ca, leaf].map((one) => (one.validToDate.getTime() - clock.now()) / DAY)).toEqual([3650, 30]);
    expect([HOST, "podrole-broker", "broker.example"].map((name) => leaf.checkHost(name))).not.toContain(
      undefined,
    );
    expect(leaf.checkIP("10.0.0.1")).toBe("10.0.0.1");
  });

  test("writes nothing more when nothing has changed", async () => {
    const { api, clock, keeps } = await begun();
    api.requests.length = 0;
    await pass(clock, 60_000, [keeps]);
    expect(api.requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
  });

  test("makes one CA when two controllers start at the same time", async () => {
    const [api, clock] = [withSettings(), handClock()];
    const [one, two] = [controller(api, clock), controller(api, clock)];
    const serves = broker(api, clock);
    await Promise.all([one.round(), two.round()]);
    await serves.look();
    const all = [...one.actions, ...two.actions];
    expect(
      ["create", "publish", "issue"].map((what) => all.filter((action) => action === what).length),
    ).toEqual([1, 1, 1]);
    expect([trusted(api).length, connects(bundle(api), serves, clock)]).toEqual([1, true]);
    expect(one.losses() + two.losses()).toBe(0);
  });

  test("starts without settings by refusing to sign, and catches up when there are some", async () => {
    const [api, clock] = [withSettings(), handClock()];
    const settings = api.object(CONFIG);
    api.set(CONFIG, undefined);
    const keeps = controller(api, clock);
    expect((await thrown(keeps.round)).code).toBe("CONFIG_MISSING");
    expect(keeps.actions).toEqual([]);
    api.set(CONFIG, settings);
    await keeps.round();
    expect(keeps.actions).toEqual(["create", "publish", "issue"]);
  });

  test("needs no setting but brokerCa to be valid", async () => {
    const [api, clock] = [withSettings({ guard: "of", version: "9.9.9" }), handClock()];
    const keeps = controller(api, clock);
    await keeps.round();
    expect(keeps.actions).toEqual(["create", "publish", "issue"]);
  });
});

describe("in time, the controller", () => {
  test("renews the certificate after twenty days by the same CA, and leaves brokerCa", async () => {
    const { api, clock, keeps, serves } = await begun();
    const [pod, before] = [bundle(api), serves.pair()];
    clock.jump(20 * DAY - 1);
    await keeps.round();
    expect(keeps.actions).toHaveLength(3);
    clock.jump(1);
    await keeps.round();
    await serves.look();
    expect(keeps.actions.slice(3)).toEqual(["issue"]);
    expect([bundle(api), serves.pair() === before, connects(pod, serves, clock)]).toEqual([pod, false, true]);
  });

  test("writes the next CA beside the first after two thirds of ten years", async () => {
    const { api, clock, keeps } = await begun();
    const [first] = trusted(api);
    clock.jump((3650 * 2 * DAY) / 3 - 20_000);
    await keeps.round();
    expect(trusted(api)).toEqual([first]);
    clock.jump(20_000);
    await keeps.round();
    expect([trusted(api)[0], trusted(api).length]).toEqual([first, 2]);
    expect(bundle(api)).toBe(certificates.parse(bundle(api)));
    expect(Object.keys(api.object(CA_SECRET)?.data ?? {})).toContain("next-ca.key");
    expect(keeps.losses()).toBe(0);
  });

  test("signs by the next CA only in the last sixty days, and then takes the old CA out of brokerCa", async () => {
    const { api, clock, keeps, serves } = await begun();
    const old = bundle(api);
    clock.jump(7 * YEAR);
    await keeps.round();
    const both = bundle(api);
    clock.jump(3 * YEAR - 61 * DAY);
    await pass(clock, 120_000, [keeps, serves]);
    expect([connects(old, serves, clock), bundle(api)]).toEqual([true, both]);
    // Switched, but a pod that trusts only the old one is served for another month.
    clock.jump(2 * DAY);
    await pass(clock, 120_000, [keeps, serves]);
    expect(keeps.actions.at(-1)).toBe("switch");
    expect([connects(old, serves, clock), connects(both, serves, clock)]).toEqual([true, true]);
    clock.jump(28 * DAY);
    await pass(clock, 60_000, [keeps, serves]);
    expect([connects(old, serves, clock), connects(both, serves, clock)]).toEqual([false, true]);
    expect([trusted(api).length, connects(bundle(api), serves, clock)]).toEqual([1, true]);
    expect(keeps.losses()).toBe(0);
  });

  test("tells metrics which CA is served, current and next", async () => {
    const { api, clock, keeps } = await begun();
    const pem = authorities(api).ca?.cert.trim();
    expect(keeps.cas()).toMatchObject({ served: { pem }, current: { pem } });
    clock.jump(7 * YEAR);
    await keeps.round();
    expect(keeps.cas()?.next?.pem).toBe(authorities(api).next?.cert.trim());
  });
});

describe("brokerCa of an admin's own", () => {
  test.for(["another CA", "no certificate"])(
    "stays as it is, and the controller says so: %s",
    async (row) => {
      const [api, clock] = [withSettings(), handClock()];
      const text = row === "another CA" ? await foreign() : "see the wiki";
      setBundle(api, text);
      const keeps = controller(api, clock);
      const error = await thrown(keeps.round);
      expect([error.code, error.remedy]).toEqual([
        "BROKER_CA_FOREIGN",
        expect.stringContaining("Remove brokerCa") as string,
      ]);
      expect([bundle(api), keeps.actions]).toEqual([text, []]);
      setBundle(api, "");
      await keeps.round();
      expect(keeps.actions).toEqual(["create", "publish", "issue"]);
    },
  );

  test("that replaces the controller's is no reason not to renew the certificate", async () => {
    const { api, clock, keeps, serves } = await begun();
    const [pod, text] = [bundle(api), await foreign()];
    setBundle(api, text);
    clock.jump(29 * DAY);
    expect((await thrown(keeps.round)).code).toBe("BROKER_CA_FOREIGN");
    await serves.look();
    clock.jump(2 * DAY);
    expect([bundle(api), connects(pod, serves, clock)]).toEqual([text, true]);
  });

  test("that stands beside the controller's stays there through a change of CAs", async () => {
    const { api, clock, keeps } = await begun();
    const added = await foreign();
    setBundle(api, added + bundle(api));
    clock.jump(7 * YEAR);
    await keeps.round();
    expect([bundle(api).endsWith(added), trusted(api).length]).toEqual([true, 3]);
  });

  test("that has the controller's CA in another form is written in the form of the setting", async () => {
    const { api, keeps } = await begun();
    const right = bundle(api);
    setBundle(api, `# podrole\n${right.replaceAll("\n", "\r\n")}\n`);
    await keeps.round();
    expect([bundle(api), keeps.losses()]).toEqual([right, 0]);
  });
});

describe("in trouble, the controller", () => {
  test.for([
    [`GET ${CA_SECRET}`, new Refusal(403, "no"), "TLS_SECRET_FORBIDDEN", "get and update podrole-broker-ca"],
    [`POST ${TLS_SECRET}`, new Refusal(403, "no"), "TLS_SECRET_FORBIDDEN", "update podrole-broker-tls"],
    [`POST ${CA_SECRET}`, new Refusal(422, "data: -----BEGIN PRIVATE"), "TLS_SECRET_REFUSED", "Delete it"],
    [`GET ${TLS_SECRET}`, new SyntaxError('"-----BEGIN PRIV" is not JSON'), "TLS_API_UNAVAILABLE", "trying"],
    [`GET ${CONFIG}`, new Refusal(404, "no"), "CONFIG_MISSING", "Apply podrole's ConfigMap again"],
  ] as const)("with %s reports a code and what to do, reveals no key, and recovers", async (row) => {
    const [on, failure, code, remedy] = row;
    const [api, clock] = [withSettings(), handClock()];
    const keeps = controller(api, clock);
    api.failures.set(on, failure);
    const error = await thrown(keeps.round);
    expect([error.code, error.remedy]).toEqual([code, expect.stringContaining(remedy) as string]);
    expect(error.message + JSON.stringify(keeps.lines)).not.toMatch(/PRIVATE|BEGIN/);
    api.failures.clear();
    await keeps.round();
    expect(connects(bundle(api), await looked(api, clock), clock)).toBe(true);
  });

  test.for([`GET ${CONFIG}`, `PATCH ${CONFIG}`])(
    "renews the certificate even if %s is refused",
    async (on) => {
      const { api, clock, keeps, serves } = await begun();
      const pod = bundle(api);
      api.failures.set(on, new Refusal(403, "no"));
      if (on.startsWith("PATCH")) setBundle(api, "");
      clock.jump(29 * DAY);
      await expect(keeps.round()).rejects.toThrow("HTTP 403");
      await serves.look();
      clock.jump(2 * DAY);
      expect(connects(pod, serves, clock)).toBe(true);
    },
  );

  test("reads everything again when the settings change between its read and its patch", async () => {
    const [api, clock] = [withSettings(), handClock()];
    let changed = false;
    api.before = (request) => {
      if (changed || request !== `PATCH ${CONFIG}`) return;
      changed = true;
      api.set(CONFIG, { ...api.object(CONFIG), data: { source: "node", guard: "off" } });
    };
    const keeps = controller(api, clock);
    await keeps.round();
    expect(keeps.actions).toEqual(["create", "publish", "issue"]);
    expect(api.object(CONFIG)?.data).toMatchObject({ source: "node", guard: "off" });
  });

  test("gives up for this look and reports it when somebody undoes its changes", async () => {
    const [api, clock] = [withSettings(), handClock()];
    api.before = (request) => request === `GET ${CONFIG}` && setBundle(api, "");
    expect((await thrown(controller(api, clock).round)).code).toBe("TLS_UNSETTLED");
    expect(api.requests.length).toBeLessThan(60);
  });

  test("makes a new certificate when the one in the Secret is for another Service", async () => {
    const { api, clock } = await begun();
    const renamed = controller(api, clock, ["broker.example"]);
    await renamed.round();
    expect(renamed.actions).toEqual(["issue"]);
  });

  test("logs no key", async () => {
    const { api, clock, keeps } = await begun();
    setTls(api, {});
    clock.jump(7 * YEAR);
    await keeps.round();
    const said = JSON.stringify([keeps.lines, bundle(api)]);
    expect(said).not.toContain("PRIVATE");
  });
});

async function looked(api: FakeObjects, clock: HandClock): Promise<Broker> {
  const one = broker(api, clock);
  await one.look();
  return one;
}

async function foreign(): Promise<string> {
  return certificates.parse((await certificateAuthority("acme", validFor(300, Date.now()))).cert);
}
