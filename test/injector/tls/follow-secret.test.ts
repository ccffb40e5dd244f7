import { beforeAll, describe, expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { PATIENCE_MS } from "../../../injector/tls/follow-secret.ts";
import { injector, NAMES, never, put, type Injector } from "../controller/certificates-rig.ts";
import { fakeTlsApi, type FakeTlsApi } from "../../support/fake-tls-api.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";

const DAY = 24 * 60 * 60 * 1000;
interface Made {
  readonly ca: KeyPair;
  readonly other: KeyPair;
  readonly first: KeyPair;
  readonly second: KeyPair;
  /** Signed by the other CA. */
  readonly foreign: KeyPair;
}
let made: Made;

beforeAll(async () => {
  const now = handClock().now();
  const authority = (name: string): Promise<KeyPair> => certificateAuthority(name, validFor(300, now));
  const by = (one: KeyPair): Promise<KeyPair> => servingCertificate(one, NAMES, validFor(30, now));
  const [ca, other] = [await authority("one"), await authority("other")];
  made = { ca, other, first: await by(ca), second: await by(ca), foreign: await by(other) };
});

interface Rig {
  readonly api: FakeTlsApi;
  readonly clock: HandClock;
  readonly one: Injector;
}
function rig(): Rig {
  const [api, clock] = [fakeTlsApi(), handClock()];
  return { api, clock, one: injector(api, clock) };
}
/** An injector that serves the first certificate. */
async function serving(): Promise<Rig> {
  const begun = rig();
  put(begun.api, { ca: made.ca, serving: made.first });
  await begun.one.follower.first(never);
  return begun;
}

describe("an injector without a certificate", () => {
  test("waits, says once what it waits for, and serves the certificate when it comes", async () => {
    const { api, clock, one } = rig();
    const waiting = one.follower.first(never);
    await clock.advance(5000);
    expect(one.follower.trouble()).toMatchObject({
      code: "TLS_NOT_LOADED",
      message: expect.stringContaining(
        "Secret podrole-system/podrole-injector-tls does not exist yet. The controller writes it",
      ) as string,
    });
    expect(one.lines.map(({ msg }) => msg)).toEqual(["waiting for a certificate"]);
    put(api, { ca: made.ca, serving: made.first });
    await clock.advance(1000);
    await waiting;
    expect(one.pairs).toEqual([made.first]);
    expect(one.served.trouble()).toBeUndefined();
  });

  test("gives up after ten minutes with the reason", async () => {
    const { clock, one } = rig();
    const waiting = one.follower.first(never).catch((error: unknown) => error);
    await clock.advance(PATIENCE_MS - 1000);
    expect(one.pairs).toEqual([]);
    await clock.advance(2000);
    expect(await waiting).toMatchObject({ code: "TLS_NOT_LOADED" });
  });

  test("stops waiting when its signal is aborted", async () => {
    const { clock, one } = rig();
    const stopping = new AbortController();
    const waiting = one.follower.first(stopping.signal).catch((error: unknown) => error);
    await clock.advance(2000);
    stopping.abort();
    expect(await waiting).toMatchObject({ code: "TLS_NOT_LOADED" });
  });

  test.for([
    ["a certificate and no CA", () => ({ serving: made.first }), "that its CA did not sign"],
    [
      "a key that is not its own",
      () => ({ ca: made.ca, serving: { ...made.first, key: made.second.key } }),
      "a key that does not belong",
    ],
    [
      "a certificate by another CA",
      () => ({ ca: made.ca, serving: made.foreign }),
      "that its CA did not sign",
    ],
    ["a CA alone", () => ({ ca: made.ca }), "has no serving certificate yet"],
  ] as const)("serves no certificate from a Secret with %s", async ([, secret, words]) => {
    const { api, one } = rig();
    put(api, secret());
    await one.look();
    await expect(one.follower.look(never)).rejects.toThrow(words);
    expect(one.pairs).toEqual([]);
  });

  test("serves no certificate that is for another Service, or not valid now", async () => {
    const { api, clock, one } = rig();
    const service = await servingCertificate(made.ca, ["else.svc"], validFor(30, clock.now()));
    put(api, { ca: made.ca, serving: service });
    await expect(one.follower.look(never)).rejects.toThrow(`is not for ${NAMES[0]}`);
    put(api, { ca: made.ca, serving: made.first });
    clock.jump(31 * DAY);
    await expect(one.follower.look(never)).rejects.toThrow("is not valid at this time");
    expect(one.pairs).toEqual([]);
  });

  test("says which right it lacks, and that it only needs to read", async () => {
    const { api, one } = rig();
    api.failures.set("GET secret", new Refusal(403, "no"));
    const error = await one.follower.look(never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "TLS_SECRET_FORBIDDEN",
      remedy: "Allow podrole's service account to get podrole-injector-tls in namespace podrole-system.",
    });
  });
});

describe("an injector that serves", () => {
  test("serves a new certificate within ten seconds, judges it by the wall clock of each look, and writes nothing", async () => {
    const { api, clock, one } = await serving();
    const stopping = new AbortController();
    const running = one.follower.run(stopping.signal);
    put(api, { ca: made.ca, serving: made.second });
    await clock.advance(10_000);
    expect(one.pairs).toEqual([made.first, made.second]);
    await clock.advance(10_000);
    expect(one.pairs).toHaveLength(2);
    expect(new Set(api.requests)).toEqual(new Set(["GET secret"]));
    stopping.abort();
    await running;
  });

  test.for([
    ["is deleted", (api: FakeTlsApi) => api.setSecret(undefined), "TLS_NOT_LOADED"],
    ["loses its certificate", (api: FakeTlsApi) => put(api, { ca: made.ca }), "TLS_NOT_LOADED"],
    [
      "cannot be read",
      (api: FakeTlsApi) => api.failures.set("GET secret", new Error("gone")),
      "TLS_API_UNAVAILABLE",
    ],
    [
      "holds another CA that was not announced",
      (api: FakeTlsApi) => put(api, { ca: made.other, serving: made.foreign }),
      "TLS_CA_UNANNOUNCED",
    ],
  ] as const)("keeps its certificate when the Secret %s, and reports that once", async ([, change, code]) => {
    const { api, clock, one } = await serving();
    const stopping = new AbortController();
    const running = one.follower.run(stopping.signal);
    change(api);
    await clock.advance(300_000);
    expect([one.pairs, one.served.trouble()]).toEqual([[made.first], undefined]);
    expect(one.follower.trouble()).toMatchObject({ code });
    expect(one.lines.filter(({ msg }) => msg === "certificate cannot be renewed")).toHaveLength(1);
    expect(JSON.stringify(one.lines)).not.toContain("PRIVATE");
    stopping.abort();
    await running;
  });

  test("accepts another CA that names the one in use as the previous one", async () => {
    const { api, one } = await serving();
    put(api, { ca: made.other, serving: made.foreign, previous: made.ca.cert });
    await one.look();
    expect(one.pairs).toEqual([made.first, made.foreign]);
  });

  test("accepts an unannounced CA when its own certificate has expired", async () => {
    const { api, clock, one } = await serving();
    clock.jump(31 * DAY);
    expect(one.served.trouble()).toMatchObject({ code: "TLS_NOT_VALID" });
    const later = await servingCertificate(made.other, NAMES, validFor(30, clock.now()));
    put(api, { ca: made.other, serving: later });
    await one.look();
    expect(one.pairs).toEqual([made.first, later]);
  });

  test("also accepts an unannounced CA after a time in which it could not read the Secret and may have missed a change", async () => {
    const { api, clock, one } = await serving();
    api.failures.set("GET secret", new Error("connect ECONNREFUSED"));
    await clock.advance(61_000);
    await one.look();
    api.failures.clear();
    put(api, { ca: made.other, serving: made.foreign });
    await one.look();
    expect(one.pairs).toEqual([made.first, made.foreign]);
  });
});
