import { describe, expect, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { certificatesIn } from "../../../injector/tls/pem.ts";
import type { Stored } from "../../../injector/tls/stored.ts";
import { fakeTlsApi } from "../../support/fake-tls-api.ts";
import { handClock } from "../../support/hand-clock.ts";
import {
  accepted,
  begun,
  controller,
  DAY,
  durations,
  injector,
  NAMES,
  put,
  stored,
} from "./certificates-rig.ts";
import { pass } from "./pass.ts";

describe("the Secret", () => {
  test("that is deleted costs no admission and is written again with another CA, which replaces the old one", async () => {
    const { api, clock, keeps, serves } = await begun();
    const old = stored(api).ca?.cert.trim() ?? "";
    api.setSecret(undefined);
    await pass(clock, 60_000 + durations.overlapMs, [serves, keeps], () =>
      expect(accepted(api, serves)).toBe(true),
    );
    expect(serves.pairs).toHaveLength(2);
    expect(api.bundles().flatMap(certificatesIn)).not.toContain(old);
  });

  test("that is deleted while the controller is down is restored in the same way when the controller starts", async () => {
    const { api, clock, serves } = await begun();
    api.setSecret(undefined);
    const [fresh, starting] = [controller(api, clock), injector(api, clock)];
    await pass(clock, 60_000, [starting, fresh, serves], () => {
      expect(accepted(api, serves)).toBe(true);
      expect(starting.pairs.length === 0 || accepted(api, starting)).toBe(true);
    });
    expect(fresh.actions).toEqual(["announce", "patch", "switch"]);
    expect([starting, serves].map(({ pairs }) => pairs.at(-1))).toEqual(Array(2).fill(stored(api).serving));
  });

  test("that is deleted during a rotation leaves none of its keys trusted in the end", async () => {
    const { api, clock, keeps, serves } = await begun();
    clock.jump(244 * DAY);
    await keeps.round();
    const { ca, next } = stored(api);
    expect(next).toBeDefined();
    await serves.look();
    api.setSecret(undefined);
    await pass(clock, 60_000 + durations.overlapMs, [keeps, serves], () =>
      expect(accepted(api, serves)).toBe(true),
    );
    const trusted = api.bundles().flatMap(certificatesIn);
    expect(trusted).toHaveLength(2);
    for (const old of [ca, next]) expect(trusted).not.toContain(old?.cert.trim());
  });

  test.for([
    ["another CA's, complete", (other: KeyPair, serving: KeyPair): Stored => ({ ca: other, serving })],
    [
      "another CA's, without its key",
      (other: KeyPair, serving: KeyPair): Stored => ({ ca: { ...other, key: "" }, serving }),
    ],
    ["another CA's alone", (other: KeyPair): Stored => ({ ca: other })],
  ] as const)(
    "that becomes %s is served only after its CA was announced, by a running or a new controller",
    async ([, make]) => {
      for (const isNew of [false, true]) {
        const { api, clock, keeps, serves } = await begun();
        const other = await certificateAuthority("other", validFor(300, clock.now()));
        const serving = await servingCertificate(other, NAMES, validFor(25, clock.now()));
        put(api, make(other, serving));
        const [keeper, before] = [isNew ? controller(api, clock) : keeps, serves.pairs.at(-1)];
        let late = api.bundles();
        // An injector looks first, then an API server that learns of caBundles late calls it.
        await pass(clock, 60_000, [serves, keeper], () => {
          expect([accepted(api, serves), accepted(api, serves, late)]).toEqual([true, true]);
          late = api.bundles();
        });
        expect(serves.pairs).toEqual([before, stored(api).serving]);
      }
    },
  );

  test("that loses its keys is replaced, and injectors serve their current certificate until then", async () => {
    const { api, clock, keeps, serves } = await begun();
    const { ca, serving } = stored(api);
    put(api, { ca: { cert: ca?.cert ?? "", key: "" }, serving: { cert: serving?.cert ?? "", key: "" } });
    await pass(clock, 60_000, [keeps, serves], () => expect(accepted(api, serves)).toBe(true));
    expect(serves.pairs).toHaveLength(2);
  });

  test.for([
    ["no data", {}],
    ["data of another type", { "tls.crt": 7, "tls.key": null }],
    ["no base64", { "tls.crt": "%%%", "ca.crt": "%%%", "ca.key": "%%%" }],
    ["no PEM", { "ca.crt": "AAAA", "ca.key": "AAAA", "tls.crt": "AAAA", "tls.key": "AAAA" }],
  ] as const)("with garbage is filled, and keys that are not podrole's stay: %s", async ([, data]) => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const metadata = { labels: { a: "b" }, annotations: { note: "kept" }, finalizers: ["example.com/mine"] };
    api.setSecret({ type: "Opaque", metadata, data: { ...data, other: "AAAA" } });
    const serves = injector(api, clock);
    await controller(api, clock).round();
    await serves.look();
    expect(accepted(api, serves)).toBe(true);
    expect(api.secret()).toMatchObject({ type: "Opaque", metadata, data: { other: "AAAA" } });
  });

  test.for([
    ["a certificate and no CA", (_ca: KeyPair, serving: KeyPair): Stored => ({ serving })],
    [
      "a key that is not the certificate's",
      (ca: KeyPair, serving: KeyPair): Stored => ({ ca, serving: { ...serving, key: ca.key } }),
    ],
    ["a key that is not the CA's", (ca: KeyPair, { key }: KeyPair): Stored => ({ ca: { ...ca, key } })],
  ] as const)("that another tool has written is repaired: %s", async ([, make]) => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const ca = await certificateAuthority("foreign", validFor(100, clock.now()));
    put(api, make(ca, await servingCertificate(ca, NAMES, validFor(50, clock.now()))));
    const serves = injector(api, clock);
    await controller(api, clock).round();
    await serves.look();
    expect(accepted(api, serves)).toBe(true);
  });
});

describe("a caBundle", () => {
  test.for([
    ["wiped", ["", ""]],
    ["wiped in one of two webhooks", ["", "same"]],
    ["foreign", ["foreign"]],
    ["no PEM", ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\u0000\u00FF"]],
  ] as const)("that is %s is repaired in one look", async ([, bundles]) => {
    const { api, keeps, serves } = await begun();
    const [ours = ""] = api.bundles();
    const foreign = (await certificateAuthority("foreign", validFor(1, Date.now()))).cert;
    api.setBundles(bundles.map((text) => text.replace("foreign", foreign).replace("same", ours)));
    await keeps.round();
    expect(accepted(api, serves)).toBe(true);
    for (const bundle of api.bundles()) expect(certificatesIn(bundle)).toHaveLength(1);
    expect(serves.pairs).toHaveLength(1);
  });

  test("that is foreign when a controller starts is repaired in one look", async () => {
    const { api, clock, serves } = await begun();
    const foreign = await certificateAuthority("foreign", validFor(300, clock.now()));
    api.setBundles([foreign.cert, foreign.cert]);
    const fresh = controller(api, clock);
    await fresh.round();
    expect(accepted(api, serves)).toBe(true);
    await pass(clock, 60_000 + durations.overlapMs, [fresh, serves], () =>
      expect(accepted(api, serves)).toBe(true),
    );
    expect(api.bundles().flatMap(certificatesIn)).not.toContain(foreign.cert.trim());
  });

  test("that changes between its read and its patch is read again", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    let changed = false;
    api.before = (request) => {
      if (changed || request !== "PATCH webhooks") return;
      changed = true;
      api.setBundles(["", "", ""]);
    };
    const [keeps, serves] = [controller(api, clock), injector(api, clock)];
    await keeps.round();
    await serves.look();
    expect(keeps.actions).toEqual(["announce", "patch", "switch"]);
    expect([api.bundles().length, accepted(api, serves)]).toEqual([3, true]);
  });
});

describe("a clock", () => {
  test("that jumps eight days ahead, or a year, costs one look", async () => {
    for (const days of [8, 366]) {
      const { api, clock, keeps, serves } = await begun();
      clock.jump(days * DAY);
      await keeps.round();
      await serves.look();
      expect([accepted(api, serves), serves.served.trouble()]).toEqual([true, undefined]);
    }
  });

  test("that was eight days ahead at the start made certificates that are valid at the true time too", async () => {
    const { api, clock, keeps, serves } = await begun();
    clock.jump(-8 * DAY);
    await keeps.round();
    expect([accepted(api, serves), serves.served.trouble()]).toEqual([true, undefined]);
    expect(keeps.actions).toEqual(["announce", "patch", "switch"]);
  });

  test("that was further ahead at the start and is right again costs one look", async () => {
    const { api, clock, keeps, serves } = await begun();
    clock.jump(-11 * DAY);
    expect(serves.served.trouble()).toMatchObject({ code: "TLS_NOT_VALID" });
    await keeps.round();
    await serves.look();
    expect([accepted(api, serves), serves.served.trouble()]).toEqual([true, undefined]);
  });
});
