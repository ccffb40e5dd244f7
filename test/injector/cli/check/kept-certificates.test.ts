import { expect, test } from "vitest";
import { bundleCheck, certificateCheck, chainIn } from "../../../../injector/cli/check/certificates.ts";
import { DURATIONS } from "../../../../injector/controller/durations.ts";
import { certificateKeeper } from "../../../../injector/controller/keep-certificates.ts";
import { certificatesIn } from "../../../../injector/tls/pem.ts";
import { fakeTlsApi, PLACES } from "../../../support/fake-tls-api.ts";
import { handClock } from "../../../support/hand-clock.ts";
import { silent } from "../../../support/log-lines.ts";
import { found, healthy, HOST, webhookConfiguration } from "./healthy.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const never = new AbortController().signal;

test("podrole check finds nothing to say about certificates that the controller keeps, at any moment of their lives", async () => {
  const [api, clock] = [fakeTlsApi(), handClock()];
  const kept = certificateKeeper({
    api,
    clock,
    log: silent,
    places: PLACES,
    names: [HOST],
    // An hour's overlap would be 360 looks of some milliseconds each.
    durations: { ...DURATIONS, overlapMs: 600_000 },
  });
  const said = (): readonly string[] => {
    const facts = healthy({
      now: clock.now(),
      webhooks: found([webhookConfiguration(api.bundles()[0])]),
      certificate: found(chainIn(api.secret() ?? {}) ?? ""),
    });
    return [bundleCheck(facts), certificateCheck(facts)]
      .flat()
      .map(({ status, message }) => (status === "ok" ? "ok" : message));
  };
  const [cas, sizes, heard] = [new Set<string>(), new Set<number>(), new Set<string>()];
  const listen = (): void => {
    for (const word of said()) heard.add(word);
  };
  let before = "";
  const look = async (): Promise<void> => {
    await kept.round(never);
    const bundle = certificatesIn(api.bundles()[0] ?? "");
    for (const ca of bundle) cas.add(ca);
    sizes.add(bundle.length);
    const now = JSON.stringify([api.bundles(), api.secret()]);
    if (now !== before) listen();
    before = now;
  };
  for (let days = 0; days < 260; days += 4) {
    await look();
    clock.jump(4 * DAY_MS);
    // What there is just before the injector looks is as good as what it leaves.
    listen();
  }
  // A change of CAs takes an hour, which four days are too long for.
  for (let minutes = 0; minutes < 70; minutes += 1) {
    await look();
    clock.jump(60_000);
  }
  expect({ heard, cas: cas.size, sizes }).toEqual({ heard: new Set(["ok"]), cas: 2, sizes: new Set([1, 2]) });
}, 120_000);
