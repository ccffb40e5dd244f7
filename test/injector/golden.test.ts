import { expect, test } from "vitest";
import { admitPod, type PodOutcome } from "../../injector/review/admit-pod.ts";
import type { Facts } from "../../injector/model/facts.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { patchBetween } from "../../injector/mutate/patch.ts";
import { sentence } from "../../injector/model/findings.ts";
import { applied, intrusions, withoutAdditions } from "../support/additions.ts";
import { dump, goldens } from "../support/goldens.ts";
import { throughApiServer, TOKEN } from "../support/pods.ts";

const refusingToken = (): string => {
  throw new Error("a second pass asked for a new token");
};

const shown = (outcome: PodOutcome): unknown =>
  outcome.kind === "inject"
    ? outcome.after
    : {
        decision: outcome.kind,
        ...(outcome.kind === "skip" ? { reason: outcome.reason } : {}),
        findings: outcome.findings.map((one) => ({ severity: one.severity, says: sentence(one) })),
      };

/** What a second pass makes of a pod, and the patch that says so. */
function again(pod: unknown, known: Facts, config: InjectorConfig): unknown {
  const outcome = admitPod(pod, known, config, () => "another-token-another-token-another-token-a");
  if (outcome.kind !== "inject") return outcome;
  return { pod: outcome.after, patch: patchBetween(outcome.before, outcome.after) };
}

/** One for each identity, the first the same in every case. */
function tokens(): () => string {
  let given = 0;
  return () => (given++ === 0 ? TOKEN : `${TOKEN.slice(0, -1)}${given}`);
}

const CASES = goldens(new URL("golden/", import.meta.url));

test.for(CASES.map((one) => [one.name, one] as const))(
  "%s",
  async ([, { pod, facts, config, expectedFile }]) => {
    const known = await facts();
    const before = JSON.stringify(pod);
    const outcome = admitPod(pod, known, config, tokens());
    await expect(dump(shown(outcome))).toMatchFileSnapshot(expectedFile);
    expect(JSON.stringify(pod), "the input is not written to").toBe(before);
    if (outcome.kind !== "inject") return;

    const { before: read, after } = outcome;
    const patch = patchBetween(read, after);
    expect(applied(read, patch), "the patch makes the pod").toEqual(after);
    expect(intrusions(read, patch), "the patch only adds").toEqual([]);
    expect(withoutAdditions(read, after), "nothing else has changed").toBe(before);
    for (const one of [after, throughApiServer(after)]) {
      expect(again(one, known, config), "a second pass changes nothing").toEqual({ pod: one, patch: [] });
    }
  },
);

test("there are enough of them", () => {
  expect(CASES.length).toBeGreaterThan(50);
});

test("a pod injected already keeps its token without a new one being made", async () => {
  const plain = CASES.find(({ name }) => name === "pod-plain");
  if (plain === undefined) throw new Error("pod-plain is gone");
  const known = await plain.facts();
  const first = admitPod(plain.pod, known, plain.config, () => TOKEN);
  if (first.kind !== "inject") throw new Error(first.kind);
  expect(admitPod(first.after, known, plain.config, refusingToken)).toMatchObject({ after: first.after });
});
