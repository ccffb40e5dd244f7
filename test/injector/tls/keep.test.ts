import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificateAuthority, servingCertificate, validFor } from "../../../injector/tls/certificates.ts";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import type { KeyPair } from "../../../injector/tls/certificates.ts";
import { DURATIONS } from "../../../injector/tls/durations.ts";
import { keeper, type Keeper, type KeepEvent } from "../../../injector/tls/keep.ts";
import { certificatesIn } from "../../../injector/tls/pem.ts";
import { served, type Served } from "../../../injector/tls/served.ts";
import { secretOf, storedIn, type Stored } from "../../../injector/tls/stored.ts";
import { fakeTlsApi, WEBHOOKS, type FakeTlsApi } from "../../support/fake-tls-api.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { logLines, type LogLine } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";

const DAY = 24 * 60 * 60 * 1000;
const NAMES = ["podrole-injector.podrole-system.svc", "podrole-injector"];
const never = new AbortController().signal;

interface Replica {
  readonly keeper: Keeper;
  readonly served: Served;
  readonly pairs: KeyPair[];
  readonly lines: readonly LogLine[];
  readonly events: KeepEvent[];
  readonly round: () => Promise<void>;
}

function replica(api: FakeTlsApi, clock: HandClock, names = NAMES): Replica {
  const pairs: KeyPair[] = [];
  const events: KeepEvent[] = [];
  const { log, lines } = logLines();
  const holder = served({
    now: () => clock.now(),
    apply: (pair) => void pairs.push(pair),
    bundled: true,
  });
  const kept = keeper({
    api,
    clock,
    log,
    places: { secret: "podrole-injector-tls", namespace: "podrole-system", webhooks: [WEBHOOKS] },
    names,
    durations: DURATIONS,
    served: holder,
    observe: (event) => void events.push(event),
  });
  return { keeper: kept, served: holder, pairs, lines, events, round: () => kept.round(never) };
}

const stored = (api: FakeTlsApi): Stored => storedIn(api.secret() ?? {});
const keysIn = (api: FakeTlsApi): readonly string[] => Object.keys(api.secret()?.["data"] ?? {}).sort();
const actions = ({ events }: Replica): readonly string[] =>
  events.map((one) => (one.event === "action" ? one.action : one.event));

/** Whether an API server that trusts the bundles of now takes what is served. */
function taken(api: FakeTlsApi, { pairs }: Replica, bundles = api.bundles()): boolean {
  const leaf = new X509Certificate(pairs.at(-1)?.cert ?? "");
  return bundles.every((bundle) =>
    certificatesIn(bundle).some((ca) => leaf.verify(new X509Certificate(ca).publicKey)),
  );
}

async function begun(): Promise<{ api: FakeTlsApi; clock: HandClock; one: Replica }> {
  const [api, clock] = [fakeTlsApi(), handClock()];
  const one = replica(api, clock);
  await one.round();
  return { api, clock, one };
}

/** Looks for as long as it waits for others, who are not there. */
async function alone(clock: HandClock, one: Replica): Promise<void> {
  for (let look = 0; look < 3; look += 1) {
    expect((await thrown(one.round)).code).toBe("TLS_SECRET_LOST");
    await clock.advance(10_000);
  }
  await one.round();
}

/** Ten-second looks of all replicas for so long. */
async function pass(clock: HandClock, ms: number, ...replicas: readonly Replica[]): Promise<void> {
  for (let gone = 0; gone < ms; gone += 10_000) {
    await clock.advance(10_000);
    for (const one of replicas) await one.round();
  }
}

describe("in an empty namespace", () => {
  test("makes CA and certificate, puts the CA into every webhook, and is ready", async () => {
    const { api, one } = await begun();
    expect(keysIn(api)).toEqual(["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    expect(api.secret()).toMatchObject({
      type: "kubernetes.io/tls",
      metadata: { name: "podrole-injector-tls", namespace: "podrole-system" },
    });
    expect(api.bundles()).toHaveLength(2);
    expect(taken(api, one)).toBe(true);
    expect(one.served.trouble()).toBeUndefined();
    expect(actions(one)).toEqual(["create", "reload", "patch"]);
    const leaf = new X509Certificate(one.pairs[0]?.cert ?? "");
    expect(NAMES.map((name) => leaf.checkHost(name))).toEqual(NAMES);
  });

  test("knows the names of its certificate again, addresses of both families included", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const one = replica(api, clock, [...NAMES, "10.0.0.1", "fd00:ec2::1"]);
    await one.round();
    await one.round();
    expect(actions(one)).toEqual(["create", "reload", "patch"]);
    const leaf = new X509Certificate(one.pairs[0]?.cert ?? "");
    expect(["10.0.0.1", "fd00:ec2::1"].map((address) => leaf.checkIP(address))).not.toContain(undefined);
  });

  test("writes nothing more where nothing has changed", async () => {
    const { api, clock, one } = await begun();
    api.requests.length = 0;
    await pass(clock, 60_000, one);
    expect(new Set(api.requests)).toEqual(new Set(["GET webhooks", "GET secret"]));
    expect(one.pairs).toHaveLength(1);
  });

  test("five replicas that start at once come to serve by one CA", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const five = Array.from({ length: 5 }, () => replica(api, clock));
    await Promise.all(five.map((one) => one.round()));
    expect(five.flatMap(actions).filter((action) => action === "create")).toHaveLength(1);
    expect(new Set(five.map(({ pairs }) => pairs.at(-1)?.cert)).size).toBe(1);
    for (const one of five) expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
  });

  test("is not ready, and says why, until the bundle is in the webhook configuration", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const one = replica(api, clock);
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_LOADED" });
    api.failures.set("PATCH webhooks", new Refusal(403, "no"));
    expect((await thrown(one.round)).code).toBe("TLS_WEBHOOK_FORBIDDEN");
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_TRUSTED" });
    api.failures.clear();
    await one.round();
    expect(one.served.trouble()).toBeUndefined();
  });
});

describe("a rotation", () => {
  test("of the certificate alone comes after twenty days, by the same CA, to all replicas", async () => {
    const { api, clock, one } = await begun();
    const two = replica(api, clock);
    await two.round();
    const bundle = api.bundles();
    clock.jump(20 * DAY);
    await one.round();
    await two.round();
    expect(one.pairs).toHaveLength(2);
    expect(two.pairs).toEqual([one.pairs[0], one.pairs[1]]);
    expect(api.bundles()).toEqual(bundle);
    expect(stored(api).ca).toEqual({ cert: expect.any(String), key: expect.any(String) });
  });

  test("of the CA puts the new one beside the old before it is served by, and takes the old one away last", async () => {
    const { api, clock, one } = await begun();
    const two = replica(api, clock);
    await two.round();
    const bundled = (): readonly number[] => api.bundles().map((bundle) => certificatesIn(bundle).length);
    clock.jump(244 * DAY);
    await one.round();
    const before = one.pairs.at(-1);
    expect(bundled()).toEqual([2, 2]);
    expect(keysIn(api)).toContain("next-ca.key");
    await pass(clock, 110_000, one, two);
    expect(one.pairs.at(-1)).toEqual(before);
    await pass(clock, 20_000, one, two);
    expect(one.pairs.at(-1)).not.toEqual(before);
    expect(two.pairs.at(-1)).toEqual(one.pairs.at(-1));
    expect([taken(api, one), taken(api, two), ...bundled()]).toEqual([true, true, 2, 2]);
    expect(keysIn(api)).toEqual(["ca.crt", "ca.key", "previous-ca.crt", "tls.crt", "tls.key"]);
    await pass(clock, 3_600_000, two);
    expect(bundled()).toEqual([1, 1]);
    expect(keysIn(api)).not.toContain("previous-ca.crt");
    expect([taken(api, one), taken(api, two)]).toEqual([true, true]);
  });

  test("is trusted at every look on the way, also by the replica that looks second", async () => {
    const { api, clock, one } = await begun();
    const two = replica(api, clock);
    await two.round();
    clock.jump(244 * DAY);
    for (let look = 0; look < 800; look += 1) {
      await clock.advance(5000);
      await (look % 2 === 0 ? one : two).round();
      expect([taken(api, one), taken(api, two)]).toEqual([true, true]);
    }
    expect(actions(one).concat(actions(two))).toContain("drop-previous");
  });
});

describe("survives", () => {
  test("the deletion of its Secret: goes on serving, and puts a new CA in the place of the old", async () => {
    const { api, clock, one } = await begun();
    const [first] = one.pairs;
    api.setSecret(undefined);
    await one.round();
    expect(taken(api, one)).toBe(true);
    expect(one.pairs).toEqual([first]);
    await pass(clock, 130_000, one);
    expect(one.pairs.at(-1)).not.toEqual(first);
    await pass(clock, 3_600_000, one);
    const [bundle = ""] = api.bundles();
    expect(certificatesIn(bundle)).toHaveLength(1);
    expect(new X509Certificate(first?.cert ?? "").verify(new X509Certificate(bundle).publicKey)).toBe(false);
  });

  test("its deletion while another replica starts, which waits for the one that serves", async () => {
    const { api, clock, one } = await begun();
    api.setSecret(undefined);
    const other = replica(api, clock);
    expect((await thrown(other.round)).code).toBe("TLS_SECRET_LOST");
    expect(other.served.trouble()).toMatchObject({ code: "TLS_NOT_LOADED" });
    expect(taken(api, one)).toBe(true);
    await one.round();
    await other.round();
    expect([one, other].map((each) => taken(api, each))).toEqual([true, true]);
    expect(actions(one)).toContain("restore");
    expect(actions(other)).toEqual(["reload"]);
  });

  test.for([
    ["another CA's, whole", (other: KeyPair, serving: KeyPair): Stored => ({ ca: other, serving })],
    [
      "another CA's, without its key",
      (other: KeyPair, serving: KeyPair): Stored => ({ ca: { ...other, key: "" }, serving }),
    ],
    ["another CA's alone", (other: KeyPair): Stored => ({ ca: other })],
  ] as const)("a Secret that becomes %s: that CA is announced before it is served by", async ([, make]) => {
    const { api, clock, one } = await begun();
    const two = replica(api, clock);
    await two.round();
    const other = await certificateAuthority("other", validFor(300, clock.now()));
    const serving = await servingCertificate(other, NAMES, validFor(25, clock.now()));
    api.setSecret(secretOf(make(other, serving), "podrole-injector-tls", "podrole-system"));
    const before = one.pairs.at(-1);
    for (let look = 0; look < 30; look += 1) {
      await clock.advance(10_000);
      // As API servers see it that hear of a bundle after the replicas have acted on it.
      const late = api.bundles();
      for (const each of [one, two]) await each.round();
      for (const each of [one, two]) expect([taken(api, each), taken(api, each, late)]).toEqual([true, true]);
    }
    // What was served in between, for a moment of one look, would be here too.
    for (const each of [one, two]) expect(each.pairs).toEqual([before, one.pairs.at(-1)]);
    expect(one.pairs.at(-1)).not.toEqual(before);
  });

  test("the same while a replica starts, which takes away nothing that others serve by", async () => {
    const { api, clock, one } = await begun();
    const other = await certificateAuthority("other", validFor(300, clock.now()));
    const serving = await servingCertificate(other, NAMES, validFor(25, clock.now()));
    api.setSecret(secretOf({ ca: other, serving }, "podrole-injector-tls", "podrole-system"));
    const fresh = replica(api, clock);
    for (let look = 0; look < 2; look += 1) expect((await thrown(fresh.round)).code).toBe("TLS_SECRET_LOST");
    expect([taken(api, one), fresh.served.trouble()?.code]).toEqual([true, "TLS_NOT_TRUSTED"]);
    await one.round();
    await fresh.round();
    expect([one, fresh].map((each) => taken(api, each))).toEqual([true, true]);
  });

  test("the loss of every key in its Secret: the replicas that have them write them again", async () => {
    const { api, one } = await begun();
    const { ca, serving } = stored(api);
    const bare: Stored = {
      ca: { cert: ca?.cert ?? "", key: "" },
      serving: { cert: serving?.cert ?? "", key: "" },
    };
    api.setSecret(secretOf(bare, "podrole-injector-tls", "podrole-system"));
    await one.round();
    expect(stored(api)).toMatchObject({ ca, serving });
    expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
  });

  test("its deletion in the middle of a rotation, and trusts no key of that Secret in the end", async () => {
    const { api, clock, one } = await begun();
    clock.jump(244 * DAY);
    await one.round();
    const { ca, next } = stored(api);
    expect(next).toBeDefined();
    api.setSecret(undefined);
    await pass(clock, 130_000 + 3_600_000, one);
    const trusted = api.bundles().flatMap(certificatesIn);
    expect(trusted).toHaveLength(2);
    for (const old of [ca, next]) expect(trusted).not.toContain(old?.cert.trim());
    expect(taken(api, one)).toBe(true);
  });

  test("its deletion while no replica ran", async () => {
    const { api, clock } = await begun();
    api.setSecret(undefined);
    const other = replica(api, clock);
    await alone(clock, other);
    expect([taken(api, other), other.served.trouble()]).toEqual([true, undefined]);
  });

  test.for([
    ["wiped", ["", ""]],
    ["foreign", ["foreign"]],
    ["no PEM", ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\u0000\u00ff"]],
  ] as const)("a caBundle that is %s", async ([, bundles]) => {
    const { api, one } = await begun();
    const foreign = (await certificateAuthority("foreign", validFor(1, Date.now()))).cert;
    api.setBundles(bundles.map((text) => text.replace("foreign", foreign)));
    await one.round();
    expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
    for (const bundle of api.bundles()) expect(certificatesIn(bundle)).toHaveLength(1);
    expect(one.pairs).toHaveLength(1);
  });

  test.for([
    ["no data", {}],
    ["data of another type", { "tls.crt": 7, "tls.key": null }],
    ["no base64", { "tls.crt": "%%%", "ca.crt": "%%%", "ca.key": "%%%" }],
    ["no PEM", { "ca.crt": "AAAA", "ca.key": "AAAA", "tls.crt": "AAAA", "tls.key": "AAAA" }],
  ] as const)("garbage in its Secret: %s", async ([, data]) => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    api.setSecret({
      type: "Opaque",
      metadata: {
        labels: { "app.kubernetes.io/name": "podrole-injector" },
        annotations: { note: "kept" },
        finalizers: ["example.com/mine"],
      },
      data: { ...data, other: "AAAA" },
    });
    const one = replica(api, clock);
    await one.round();
    expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
    expect(api.secret()).toMatchObject({
      type: "Opaque",
      metadata: {
        labels: { "app.kubernetes.io/name": "podrole-injector" },
        annotations: { note: "kept" },
        finalizers: ["example.com/mine"],
      },
      data: { other: "AAAA" },
    });
  });

  test("a Secret with the certificate of somebody else's making, and one with keys that are not its own", async () => {
    const clock = handClock();
    const foreign = await certificateAuthority("foreign", validFor(100, clock.now()));
    const serving = await servingCertificate(foreign, NAMES, validFor(50, clock.now()));
    for (const one of [
      { serving },
      { ca: foreign, serving: { ...serving, key: foreign.key } },
      { ca: { ...foreign, key: serving.key } },
    ] satisfies Stored[]) {
      const api = fakeTlsApi();
      api.setSecret(secretOf(one, "podrole-injector-tls", "podrole-system"));
      const fresh = replica(api, clock);
      await fresh.round();
      expect([taken(api, fresh), fresh.served.trouble()]).toEqual([true, undefined]);
    }
  });

  test("a clock eight days ahead, and a year", async () => {
    for (const days of [8, 366]) {
      const { api, clock, one } = await begun();
      clock.jump(days * DAY);
      await one.round();
      expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
    }
  });

  test("a clock that was eight days ahead while it began: what it made is good at the true time too", async () => {
    const { api, clock, one } = await begun();
    clock.jump(-8 * DAY);
    await one.round();
    expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
    expect(actions(one)).toEqual(["create", "reload", "patch"]);
  });

  test("a clock that was further ahead while it began, and is right again", async () => {
    const { api, clock, one } = await begun();
    clock.jump(-11 * DAY);
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_VALID" });
    await one.round();
    expect([taken(api, one), one.served.trouble()]).toEqual([true, undefined]);
  });

  test("a webhook configuration that changes between its read and its patch, which is read again", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    let changed = false;
    api.before = (request) => {
      if (changed || request !== "PATCH webhooks") return;
      changed = true;
      api.setBundles(["", "", ""]);
    };
    const one = replica(api, clock);
    await one.round();
    expect(actions(one)).toEqual(["create", "reload", "patch"]);
    expect(api.bundles()).toHaveLength(3);
    expect(taken(api, one)).toBe(true);
  });

  test("another replica that writes between its read and its write", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const [one, two] = [replica(api, clock), replica(api, clock)];
    let first = true;
    const inBetween: Promise<void>[] = [];
    api.before = (request) => {
      if (!first || request !== "POST secret") return;
      first = false;
      inBetween.push(two.round());
    };
    await one.round();
    await Promise.all(inBetween);
    await one.round();
    expect(
      actions(one)
        .concat(actions(two))
        .filter((action) => action === "create"),
    ).toHaveLength(1);
    expect(one.pairs.at(-1)).toEqual(two.pairs.at(-1));
  });
});

describe("in trouble", () => {
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
    ["GET secret", new SyntaxError('"-----BEGIN PRIVATE" is not JSON'), "TLS_API_UNAVAILABLE", "no JSON"],
    [
      "GET webhooks",
      new Refusal(403, "no"),
      "TLS_WEBHOOK_FORBIDDEN",
      "get and patch mutatingwebhookconfigurations",
    ],
    ["GET webhooks", new Refusal(404, "no"), "TLS_WEBHOOK_MISSING", "Apply the webhook configuration"],
    ["PATCH webhooks", new Refusal(422, "policy says no"), "TLS_WEBHOOK_REFUSED", "policy says no"],
    ["GET secret", new Refusal(503, "later"), "TLS_API_UNAVAILABLE", "keeps trying"],
    ["GET webhooks", new Error("connect ECONNREFUSED"), "TLS_API_UNAVAILABLE", "keeps trying"],
  ] as const)(
    "with %s: one sentence, a code, what to do, and no word of a key",
    async ([on, error, code, remedy]) => {
      const [api, clock] = [fakeTlsApi(), handClock()];
      const one = replica(api, clock);
      api.failures.set(on, error);
      const stopping = new AbortController();
      const running = one.keeper.run(stopping.signal);
      // Keys are made on other threads, which the clock of the test knows nothing of.
      await until("the trouble", () => one.keeper.trouble());
      await clock.advance(60_000);
      expect(one.keeper.trouble()).toMatchObject({
        code,
        message: expect.stringContaining(remedy) as string,
      });
      expect(one.served.trouble()).toBeDefined();
      const said = one.lines.filter(({ msg }) => msg === "certificates cannot be looked after");
      expect(said, "once, not at each look").toHaveLength(1);
      expect(JSON.stringify(one.lines)).not.toMatch(/PRIVATE|BEGIN/);
      api.failures.clear();
      await until("the end of the trouble", async () => {
        await clock.advance(10_000);
        return (one.keeper.trouble() ?? one.served.trouble()) === undefined || undefined;
      });
      stopping.abort();
      await running;
    },
  );

  test("stays ready while the API server is away, until its certificate ends", async () => {
    const { api, clock, one } = await begun();
    for (const request of ["GET secret", "GET webhooks"])
      api.failures.set(request, new Error("connect ECONNREFUSED"));
    await thrown(one.round);
    expect(one.served.trouble()).toBeUndefined();
    clock.jump(31 * DAY);
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_VALID" });
  });

  test("is no longer ready when the webhook configuration is gone", async () => {
    const { api, one } = await begun();
    api.setBundles(undefined);
    expect((await thrown(one.round)).code).toBe("TLS_WEBHOOK_MISSING");
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_TRUSTED" });
  });

  test("stays ready where the right to read the webhook configuration is taken away", async () => {
    const { api, one } = await begun();
    api.failures.set("GET webhooks", new Refusal(403, "no"));
    expect((await thrown(one.round)).code).toBe("TLS_WEBHOOK_FORBIDDEN");
    expect(one.served.trouble()).toBeUndefined();
  });

  test("does not serve a certificate for another Service, and makes one of its own by that CA", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    const ca = await certificateAuthority("podrole CA", validFor(300, clock.now()));
    const serving = await servingCertificate(ca, ["other.podrole-system.svc"], validFor(25, clock.now()));
    api.setSecret(secretOf({ ca, serving }, "podrole-injector-tls", "podrole-system"));
    const one = replica(api, clock);
    api.failures.set("PUT secret", new Refusal(403, "no"));
    expect((await thrown(one.round)).code).toBe("TLS_SECRET_FORBIDDEN");
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_LOADED" });
    api.failures.clear();
    await one.round();
    expect(actions(one)).toEqual(["issue", "reload", "patch"]);
    expect(one.served.trouble()).toBeUndefined();
  });

  test("renews its certificate also where the webhook configuration cannot be read", async () => {
    const { api, clock, one } = await begun();
    api.failures.set("GET webhooks", new Refusal(403, "no"));
    clock.jump(29 * DAY);
    await thrown(one.round);
    expect(one.pairs).toHaveLength(2);
  });

  test("gives up for this look, and says so, where somebody undoes what it does", async () => {
    const [api, clock] = [fakeTlsApi(), handClock()];
    api.before = (request) => request === "GET webhooks" && api.setBundles(["", ""]);
    expect((await thrown(replica(api, clock).round)).code).toBe("TLS_UNSETTLED");
    expect(api.requests.length).toBeLessThan(60);
  });

  test("never writes a key anywhere but into the Secret", async () => {
    const { api, clock, one } = await begun();
    clock.jump(244 * DAY);
    await pass(clock, 150_000, one);
    expect(JSON.stringify([one.lines, one.events, api.bundles(), one.keeper.trouble()])).not.toContain(
      "PRIVATE",
    );
    expect(JSON.stringify(one.lines)).not.toContain(
      Buffer.from("-----BEGIN").toString("base64").slice(0, 12),
    );
  });
});
