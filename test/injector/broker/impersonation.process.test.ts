import { X509Certificate } from "node:crypto";
import { createServer, type ServerOptions } from "node:https";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { stringMap } from "../../../injector/model/read.ts";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { grantedJson, noSession, noting, session, type Received } from "../../support/broker-client-rig.ts";
import { clientCertificate, selfSignedCertificate } from "../../support/client-certificate.ts";
import { handClock } from "../../support/hand-clock.ts";
import { listening } from "../../support/listening.ts";
import {
  authorities,
  bundle,
  CA_SECRET,
  controller,
  DAY,
  durations,
  HOST,
  TLS_SECRET,
  tls,
  trusted,
  withSettings,
} from "../controller/broker-rig.ts";
import { pass } from "../controller/pass.ts";
import { begun as webhookBegun, stored as webhookStored } from "../controller/certificates-rig.ts";

/** The address at which the tests' servers listen, beside the names of the broker's Service. */
const HERE = ["127.0.0.1"];
const YEAR = 365 * DAY;

/** An installation whose controller has kept the broker's certificates for this time until now. */
async function installation(ageMs: number, stepMs = 90 * DAY) {
  const [api, clock] = [withSettings(), handClock(Date.now() - ageMs)];
  const keeps = controller(api, clock, HERE);
  await keeps.round();
  /** What a pod trusts, by the age of the installation when it was made. */
  const pods = [{ at: 0, brokerCa: bundle(api) }];
  for (let at = 0; at < ageMs;) {
    const step = Math.min(stepMs, ageMs - at);
    clock.jump(step);
    at += step;
    // Looks enough to believe the clock.
    await pass(clock, durations.confirmMs + 20_000, [keeps]);
    clock.jump(-durations.confirmMs - 20_000);
    pods.push({ at, brokerCa: bundle(api) });
  }
  return { api, clock, keeps, pods };
}

/** Whoever answers sidecars in the broker's place, with this certificate. */
async function answering(
  pair: KeyPair,
  options: ServerOptions = {},
): Promise<{ readonly url: string; readonly received: readonly Received[] }> {
  const received: Received[] = [];
  const server = createServer(
    { ...pair, ...options },
    noting(received, () => ({ body: grantedJson() })),
  );
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${await listening(server)}`, received };
}

describe("a sidecar, with what the controller wrote into its pod,", () => {
  let ca: string;
  let genuine: { readonly ca: KeyPair; readonly serving: KeyPair };
  beforeAll(async () => {
    const { api } = await installation(0);
    const { ca: authority, serving } = { ca: authorities(api).ca, serving: tls(api).serving };
    if (authority === undefined || serving === undefined) throw new Error("the controller made nothing");
    ca = bundle(api);
    genuine = { ca: authority, serving };
  });

  test("gets its session from the broker", async () => {
    const { url, received } = await answering(genuine.serving);
    expect((await session({ url, ca })).accessKeyId).toBe("ASIAEXAMPLE");
    expect(received).toHaveLength(1);
  });

  const by = (authority: KeyPair, names: readonly string[] = HERE, from = Date.now(), days = 1) =>
    servingCertificate(authority, names, validFor(days, from));
  const otherCa = (name = "podrole broker CA") => certificateAuthority(name, validFor(300, Date.now()));

  test.for<readonly [string, RegExp, () => Promise<KeyPair>]>([
    ["by another CA", /UNABLE_TO/, async () => by(await otherCa())],
    [
      "by another CA that has the name of the broker's",
      /UNABLE_TO|CERT_SIGNATURE_FAILURE/,
      async () => by(await otherCa(nameOf(genuine.ca))),
    ],
    [
      "by the webhook's CA",
      /UNABLE_TO/,
      async () => {
        const { api } = await webhookBegun();
        const [key = ""] = Object.values(stringMap(api.keys()?.["data"]));
        const { cert = "" } = webhookStored(api).ca ?? {};
        return by({ cert, key: Buffer.from(key, "base64").toString() });
      },
    ],
    [
      "of the injector's, whose key a stolen token of the injector's reads",
      /UNABLE_TO/,
      async () => {
        const { api } = await webhookBegun();
        return webhookStored(api).serving ?? genuine.serving;
      },
    ],
    ["for another name", /ALTNAME_INVALID/, () => by(genuine.ca, ["podrole-injector.podrole-system.svc"])],
    ["for the Service's name, at another host", /ALTNAME_INVALID/, () => by(genuine.ca, [HOST])],
    ["that has expired", /CERT_HAS_EXPIRED/, () => by(genuine.ca, HERE, Date.now() - 2 * DAY)],
    ["that is not valid yet", /CERT_NOT_YET_VALID/, () => by(genuine.ca, HERE, Date.now() + DAY)],
    ["for clients alone", /INVALID_PURPOSE/, () => clientCertificate(genuine.ca, HERE)],
    ["that it signed itself", /SELF_SIGNED/, () => selfSignedCertificate(HERE)],
    [
      "by the broker's own certificate, whose key a stolen token of the broker's reads",
      /UNSPECIFIED|INVALID_CA/,
      async () => {
        const leaf = await by(genuine.serving);
        return { ...leaf, cert: `${leaf.cert}\n${genuine.serving.cert}` };
      },
    ],
  ])("sends nothing to whoever has a certificate %s", async ([, why, make]) => {
    const { url, received } = await answering(await make());
    const error = await noSession({ url, ca });
    expect(error).toMatchObject({
      code: "BROKER_CERTIFICATE",
      kind: "passing",
      message: expect.stringMatching(why) as string,
    });
    expect(received).toEqual([]);
  });

  test("sends nothing over TLS 1.1, though the certificate is the broker's", async () => {
    const { url, received } = await answering(genuine.serving, {
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    expect(await noSession({ url, ca })).toMatchObject({ code: "BROKER_UNREACHABLE", kind: "passing" });
    expect(received).toEqual([]);
  });
});

describe("through the life of the broker's CA, a pod of the last three years gets its session", () => {
  test.for<readonly [string, number, number]>([
    ["in the first CA's prime", YEAR, 1],
    ["when the next CA stands beside it", 7 * YEAR, 2],
    ["shortly before the change", 3650 * DAY - 61 * DAY, 2],
    ["after the change, by a certificate of the old CA", 3650 * DAY - 50 * DAY, 2],
    ["after the change, by a certificate of the next CA", 3650 * DAY - 20 * DAY, 1],
    ["when the old CA is over", 3650 * DAY + 40 * DAY, 1],
  ])("%s", async ([, age, cas]) => {
    const { api, keeps, pods } = await installation(age);
    expect([trusted(api).length, keeps.losses()]).toEqual([cas, 0]);
    const { url } = await answering(tls(api).serving ?? { cert: "", key: "" });
    const young = new Set(pods.filter(({ at }) => age - at <= 3 * YEAR).map(({ brokerCa }) => brokerCa));
    for (const ca of young) expect((await session({ url, ca })).accessKeyId).toBe("ASIAEXAMPLE");
  });

  test("and a pod that trusts only a CA that is over gets none, with the advice to restart it", async () => {
    const { api, pods } = await installation(3650 * DAY - 20 * DAY);
    const { url, received } = await answering(tls(api).serving ?? { cert: "", key: "" });
    const error = await noSession({ url, ca: pods[0]?.brokerCa ?? "" });
    expect([error.code, error.remedy]).toEqual([
      "BROKER_CERTIFICATE",
      expect.stringContaining("Restart the pod") as string,
    ]);
    expect(received).toEqual([]);
  });
});

describe("after its CA was lost, the broker", () => {
  test("is known to pods of before and of after by its old certificate", async () => {
    const { api, keeps } = await installation(DAY);
    const before = bundle(api);
    api.set(CA_SECRET, undefined);
    await keeps.round();
    const { url } = await answering(tls(api).serving ?? { cert: "", key: "" });
    for (const ca of [before, bundle(api)])
      expect((await session({ url, ca })).accessKeyId).toBe("ASIAEXAMPLE");
  });

  test("with its certificate lost too is known to pods of after alone", async () => {
    const { api, keeps } = await installation(DAY);
    const before = bundle(api);
    for (const name of [CA_SECRET, TLS_SECRET]) api.set(name, undefined);
    await keeps.round();
    const { url, received } = await answering(tls(api).serving ?? { cert: "", key: "" });
    expect(await noSession({ url, ca: before })).toMatchObject({ code: "BROKER_CERTIFICATE" });
    expect(received).toEqual([]);
    expect((await session({ url, ca: bundle(api) })).accessKeyId).toBe("ASIAEXAMPLE");
  });
});

const nameOf = ({ cert }: KeyPair): string => new X509Certificate(cert).subject.replace("CN=", "");
