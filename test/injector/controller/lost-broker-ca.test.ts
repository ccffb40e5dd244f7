import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import type { Stored } from "../../../injector/tls/stored.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";
import {
  authorities,
  begun,
  broker,
  bundle,
  CA_SECRET,
  connects,
  controller,
  DAY,
  durations,
  HOST,
  setAuthorities,
  setBundle,
  setTls,
  TLS_SECRET,
  tls,
  trusted,
  withSettings,
} from "./broker-rig.ts";
import { pass } from "./pass.ts";

const YEAR = 365 * DAY;

describe("a lost CA", () => {
  test.for([
    ["deleted", (): undefined => undefined],
    ["emptied", () => ({ metadata: {}, data: {} })],
    ["garbage", () => ({ metadata: {}, data: { "ca.crt": "AAAA", "ca.key": "%%%" } })],
    ["of another type of data", () => ({ metadata: {}, data: { "ca.crt": 7 } })],
  ] as const)(
    "is replaced at once in brokerCa, and pods have until the certificate's last day: %s",
    async ([, make]) => {
      const { api, clock, keeps, serves } = await begun();
      const old = bundle(api);
      api.set(CA_SECRET, make());
      await pass(clock, 20_000, [keeps, serves], () => expect(connects(old, serves, clock)).toBe(true));
      const both = bundle(api);
      const ends = new X509Certificate(tls(api).serving?.cert ?? "").validToDate.getTime();
      expect([trusted(api).length, keeps.losses()]).toEqual([2, 1]);
      expect(keeps.lines.filter(({ code }) => code === "BROKER_CA_LOST")).toMatchObject([
        { level: 40, until: new Date(ends - DAY).toISOString() },
      ]);
      clock.jump(29 * DAY - 60_000);
      await pass(clock, 20_000, [keeps, serves]);
      expect([old, both].map((pod) => connects(pod, serves, clock))).toEqual([true, true]);
      clock.jump(60_000);
      await pass(clock, 20_000, [keeps, serves]);
      expect([old, both].map((pod) => connects(pod, serves, clock))).toEqual([false, true]);
      expect([trusted(api).length, connects(bundle(api), serves, clock), keeps.losses()]).toEqual([
        1,
        true,
        1,
      ]);
    },
  );

  test("with a certificate that is lost too is replaced in one look, and the old CA is trusted no more", async () => {
    const { api, clock, keeps, serves } = await begun();
    const old = trusted(api)[0] ?? "";
    api.set(CA_SECRET, undefined);
    api.set(TLS_SECRET, undefined);
    await keeps.round();
    const fresh = broker(api, clock);
    await fresh.look();
    expect(trusted(api)).not.toContain(old);
    expect([trusted(api).length, connects(bundle(api), fresh, clock), connects(old, fresh, clock)]).toEqual([
      1,
      true,
      false,
    ]);
    expect(keeps.losses()).toBe(1);
    expect(keeps.lines.find(({ code }) => code === "BROKER_CA_LOST")).not.toHaveProperty("until");
    // A replica that has served by the old CA all the time follows.
    await serves.look();
    expect(serves.pair()).toEqual(fresh.pair());
  });

  test("whose successor is known already is followed by that one, which newer pods trust", async () => {
    const { api, clock, keeps, serves } = await begun();
    clock.jump(7 * YEAR);
    await pass(clock, 20_000, [keeps, serves]);
    const [both, next] = [bundle(api), authorities(api).next];
    setAuthorities(api, next === undefined ? {} : { next });
    await pass(clock, 20_000, [keeps, serves]);
    expect([authorities(api).ca, keeps.actions.at(-1), keeps.losses()]).toEqual([next, "switch", 1]);
    clock.jump(29 * DAY);
    await pass(clock, 20_000, [keeps, serves]);
    expect(connects(both, serves, clock)).toBe(true);
  });

  test("is lost for a controller that was away meanwhile, too", async () => {
    const { api, clock, serves } = await begun();
    const old = bundle(api);
    api.set(CA_SECRET, undefined);
    const fresh = controller(api, clock);
    await pass(clock, 20_000, [fresh, serves]);
    expect([fresh.losses(), trusted(api).length, connects(old, serves, clock)]).toEqual([1, 2, true]);
  });

  test("is replaced by one CA when two controllers see it", async () => {
    const { api, clock, keeps } = await begun();
    const two = controller(api, clock);
    api.set(CA_SECRET, undefined);
    await Promise.all([keeps.round(), two.round()]);
    expect([trusted(api).length, keeps.losses() + two.losses()]).toEqual([2, 1]);
  });
});

describe("a CA Secret that somebody has replaced", () => {
  const other = async (now: number): Promise<KeyPair> => certificateAuthority("acme", validFor(300, now));

  test("is taken over: its CA is published first, and signs on the last day of the old certificate", async () => {
    const { api, clock, keeps, serves } = await begun();
    const [old, ca] = [bundle(api), await other(clock.now())];
    setAuthorities(api, { ca });
    await pass(clock, 20_000, [keeps, serves], () => expect(connects(old, serves, clock)).toBe(true));
    expect(trusted(api)).toEqual([old.trim(), ca.cert.trim()]);
    expect(keeps.losses()).toBe(1);
    const both = bundle(api);
    clock.jump(29 * DAY);
    await pass(clock, 20_000, [keeps, serves]);
    expect([connects(both, serves, clock), trusted(api)]).toEqual([true, [ca.cert.trim()]]);
  });

  test("by one without its key, or with another's, is as good as lost", async () => {
    const { api, clock, keeps, serves } = await begun();
    const [old, ca] = [bundle(api), await other(clock.now())];
    setAuthorities(api, { ca: { ...ca, key: authorities(api).ca?.key ?? "" } });
    await pass(clock, 20_000, [keeps, serves]);
    expect([trusted(api).length, trusted(api).includes(ca.cert.trim())]).toEqual([2, false]);
    expect(connects(old, serves, clock)).toBe(true);
  });
});

describe("the Secret that the broker reads", () => {
  test.for([
    ["no data", {}],
    ["data of another type", { "tls.crt": 7, "tls.key": null }],
    ["no base64", { "tls.crt": "%%%", "ca.crt": "%%%" }],
    ["no PEM", { "ca.crt": "AAAA", "tls.crt": "AAAA", "tls.key": "AAAA" }],
  ] as const)("with garbage is filled, and keys that are not podrole's stay: %s", async ([, data]) => {
    const [api, clock] = [withSettings(), handClock()];
    const metadata = { name: TLS_SECRET, labels: { a: "b" }, finalizers: ["example.com/mine"] };
    api.set(TLS_SECRET, { type: "Opaque", metadata, data: { ...data, other: "AAAA" } });
    await controller(api, clock).round();
    const serves = broker(api, clock);
    await serves.look();
    expect(connects(bundle(api), serves, clock)).toBe(true);
    expect(api.object(TLS_SECRET)).toMatchObject({ type: "Opaque", metadata, data: { other: "AAAA" } });
  });

  test("that is deleted is written again by the same CA", async () => {
    const { api, clock, keeps, serves } = await begun();
    const pod = bundle(api);
    api.set(TLS_SECRET, undefined);
    await pass(clock, 20_000, [keeps, serves], () => expect(connects(pod, serves, clock)).toBe(true));
    expect([bundle(api), keeps.losses(), keeps.actions.at(-1)]).toEqual([pod, 0, "issue"]);
  });

  test.for([
    ["complete", (ca: KeyPair, serving: KeyPair): Stored => ({ ca: { ...ca, key: "" }, serving })],
    [
      "with a wrong key",
      (ca: KeyPair, serving: KeyPair): Stored => ({ ca, serving: { ...serving, key: ca.key } }),
    ],
  ] as const)("that has a certificate of another CA gives that CA no trust: %s", async ([, make]) => {
    const { api, clock, keeps } = await begun();
    const pod = bundle(api);
    const ca = await certificateAuthority("impostor", validFor(300, clock.now()));
    setTls(api, make(ca, await servingCertificate(ca, [HOST], validFor(25, clock.now()))));
    await keeps.round();
    const fresh = broker(api, clock);
    await fresh.look();
    expect([bundle(api), connects(pod, fresh, clock), keeps.losses()]).toEqual([pod, true, 0]);
  });
});

describe("brokerCa", () => {
  test("that is wiped is written again with the same CA", async () => {
    const { api, keeps } = await begun();
    const pod = bundle(api);
    setBundle(api, "");
    await keeps.round();
    expect([bundle(api), keeps.losses()]).toEqual([pod, 0]);
  });

  test("that a backup has put back to an older CA of the controller's gets the CA of now", async () => {
    const { api, clock, keeps } = await begun();
    const old = bundle(api);
    api.set(CA_SECRET, undefined);
    api.set(TLS_SECRET, undefined);
    await keeps.round();
    const now = bundle(api);
    setBundle(api, old);
    await keeps.round();
    expect(bundle(api)).toBe(now);
    expect(connects(old, await look(broker(api, clock)), clock)).toBe(false);
  });
});

describe("a clock", () => {
  test.for([
    ["ahead past the CA's end", 11 * YEAR],
    ["ahead into the CA's last sixty days", 3650 * DAY - 30 * DAY],
    ["back before the CA's beginning", -5 * YEAR],
  ] as const)("that jumps %s for some looks costs no pod its CA", async ([, jump]) => {
    const { api, clock, keeps, serves } = await begun();
    const [pod, ca] = [bundle(api), authorities(api).ca];
    clock.jump(jump);
    for (let count = 0; count < 5; count += 1) {
      await clock.advance(10_000);
      await keeps.round().catch(() => undefined);
    }
    clock.jump(-jump);
    await pass(clock, 20_000, [keeps, serves]);
    expect([authorities(api).ca, connects(pod, serves, clock), keeps.losses()]).toEqual([ca, true, 0]);
  });

  test("that says for long that the CA has ended is believed, and until then the controller says so", async () => {
    const { api, clock, keeps } = await begun();
    clock.jump(11 * YEAR);
    const error = await thrown(keeps.round);
    expect([error.code, error.remedy]).toEqual([
      "BROKER_CA_NOT_VALID",
      expect.stringContaining("Correct the clock") as string,
    ]);
    for (let gone = 0; gone < durations.confirmMs; gone += 10_000) {
      await clock.advance(10_000);
      await keeps.round().catch(() => undefined);
    }
    const serves = await look(broker(api, clock));
    expect([connects(bundle(api), serves, clock), keeps.losses()]).toEqual([true, 1]);
  });

  test("that was eight days ahead at the start made certificates that are valid at the true time too", async () => {
    const { api, clock, keeps, serves } = await begun();
    const pod = bundle(api);
    clock.jump(-8 * DAY);
    await keeps.round();
    expect([connects(pod, serves, clock), keeps.actions.length]).toEqual([true, 3]);
  });

  test("that was a month ahead at the start and is right again costs one look", async () => {
    const { api, clock, keeps, serves } = await begun();
    const pod = bundle(api);
    clock.jump(-30 * DAY);
    await keeps.round();
    await serves.look();
    expect([connects(pod, serves, clock), keeps.actions.at(-1)]).toEqual([true, "issue"]);
  });
});

async function look<T extends { look(): Promise<void> }>(one: T): Promise<T> {
  await one.look();
  return one;
}
