import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { PLACES, type FakeTlsApi } from "../../support/fake-tls-api.ts";
import {
  accepted,
  begun,
  controller,
  DAY,
  durations,
  injector,
  keysIn,
  put,
  stored,
} from "./certificates-rig.ts";
import { pass } from "./pass.ts";

/** The fingerprints of the certificates whose key is in the controller's own Secret. */
const kept = (api: FakeTlsApi): readonly string[] => Object.keys(api.keys()?.["data"] ?? {}).toSorted();
const nameOf = (cert = ""): string =>
  `${new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase()}.key`;
const ofCas = (api: FakeTlsApi): readonly string[] =>
  [stored(api).ca, stored(api).next].flatMap((pair) => (pair ? [nameOf(pair.cert)] : [])).toSorted();
/** The CA keys that the injector can read. */
const shown = (api: FakeTlsApi): readonly string[] => keysIn(api).filter((key) => key.endsWith("ca.key"));

/** One Secret for everything, as in 0.1.0. */
function asBefore(api: FakeTlsApi): void {
  const key = Object.values((api.keys()?.["data"] ?? {}) as Record<string, string>)[0] ?? "";
  const { ca, ...rest } = stored(api);
  put(api, { ...rest, ca: { cert: ca?.cert ?? "", key: Buffer.from(key, "base64").toString() } });
  api.setKeys(undefined);
}

describe("the keys of CAs", () => {
  test("are only in the controller's own Secret, throughout a rotation of the CA, and only while they are needed", async () => {
    const { api, clock, keeps, serves } = await begun();
    expect(api.keys()).toMatchObject({ type: "Opaque", metadata: { name: PLACES.keys } });
    await clock.advance(260 * DAY);
    const counts = new Set<number>();
    await pass(clock, durations.settleMs + durations.overlapMs + 60_000, [keeps, serves], () => {
      counts.add(kept(api).length);
      expect([shown(api), kept(api)]).toEqual([[], ofCas(api)]);
    });
    expect([...counts]).toEqual([2, 1]);
    expect(keeps.actions).toEqual(expect.arrayContaining(["add-next", "switch", "drop-previous"]));
  });

  test("are moved from the single Secret of 0.1.0 without a change of certificates", async () => {
    const { api, keeps, serves } = await begun();
    asBefore(api);
    expect(shown(api)).toEqual(["ca.key"]);
    const [before, actions] = [stored(api), keeps.actions.length];
    await keeps.round();
    expect([shown(api), kept(api)]).toEqual([[], ofCas(api)]);
    expect(stored(api)).toEqual({ ...before, ca: { cert: before.ca?.cert, key: "" } });
    await serves.look();
    expect([keeps.actions.length, serves.pairs.length, serves.follower.trouble()]).toEqual([
      actions,
      1,
      undefined,
    ]);
  });

  test.for(["POST keys", "GET keys"])(
    "stay in the single Secret when the new one is refused, and the error says so: %s",
    async (on) => {
      const { api, keeps } = await begun();
      asBefore(api);
      api.failures.set(on, new Refusal(403, "no"));
      await expect(keeps.round()).rejects.toMatchObject({
        code: "TLS_SECRET_FORBIDDEN",
        remedy: `Allow podrole's service account to create secrets, and get and update ${PLACES.keys} in namespace podrole-system.`,
      });
      expect(shown(api)).toEqual(["ca.key"]);
      api.failures.clear();
      await keeps.round();
      expect([shown(api), kept(api)]).toEqual([[], ofCas(api)]);
    },
  );

  test("are replaced with another CA when they are lost, and injectors are trusted at every moment", async () => {
    const { api, clock, keeps, serves } = await begun();
    const { ca } = stored(api);
    api.setKeys(undefined);
    await pass(clock, durations.settleMs + durations.overlapMs + 60_000, [keeps, serves], () => {
      expect(accepted(api, serves)).toBe(true);
    });
    expect(stored(api).ca?.cert).not.toBe(ca?.cert);
    expect(kept(api)).toEqual(ofCas(api));
  });

  test("are removed when their certificate was not written", async () => {
    const { api, clock, keeps, serves } = await begun();
    await clock.advance(260 * DAY);
    api.failures.set("PUT secret", new Refusal(500, "no"));
    await expect(keeps.round()).rejects.toMatchObject({ code: "TLS_API_UNAVAILABLE" });
    api.failures.clear();
    await pass(clock, durations.settleMs + durations.overlapMs + 60_000, [keeps, serves], () => {
      expect(accepted(api, serves)).toBe(true);
    });
    expect(kept(api)).toEqual(ofCas(api));
  });

  test("are not overwritten by a second controller that read them earlier", async () => {
    const { api, clock, keeps, serves } = await begun();
    await clock.advance(260 * DAY);
    const [second, late] = [controller(api, clock), injector(api, clock)];
    let isFirst = true;
    let other: Promise<void> | undefined;
    api.before = (request) => {
      if (request !== "PUT keys" || !isFirst) return;
      isFirst = false;
      other = second.round();
    };
    await keeps.round();
    await other;
    api.before = () => {};
    await pass(
      clock,
      durations.settleMs + durations.overlapMs + 60_000,
      [keeps, second, serves, late],
      () => {
        expect(accepted(api, serves)).toBe(true);
      },
    );
    expect(kept(api)).toEqual(ofCas(api));
  });
});
