import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { admitPod, type PodOutcome } from "../../injector/review/admit-pod.ts";
import type { Facts } from "../../injector/model/facts.ts";
import type { Pod } from "../../injector/model/pod.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { patchBetween } from "../../injector/mutate/patch.ts";
import { sentence } from "../../injector/model/findings.ts";
import { applied, intrusions, withoutAdditions } from "../support/additions.ts";
import { dump, goldens, type Golden } from "../support/goldens.ts";
import { additions, differences, NOTHING, type Additions } from "../support/pod-changes.ts";
import { FRESH, injected, throughApiServer, TOKEN } from "../support/pods.ts";

const refuse = (): never => {
  throw new Error("a second pass asked for a new token");
};

const FOLDER = new URL("golden/", import.meta.url);
const CASES = await goldens(FOLDER);

/** Shown as the whole pod. Of the others the file says how they differ from one of the first two. */
const WHOLE = new Set([
  "pod-plain",
  "role-none",
  "container-role",
  "imds-emulated",
  "readme",
  "source-node",
  "token-in-a-file",
  "verify",
]);
const [WITH_ROLE, WITHOUT_ROLE] = [modelNamed("pod-plain"), modelNamed("role-none")];

interface Model {
  readonly name: string;
  readonly additions: Additions;
}

function caseNamed(name: string): Golden {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`the golden pod ${name} is gone`);
  return found;
}

function modelNamed(name: string): Model {
  const { pod, facts, config } = caseNamed(name);
  const after = injected(pod, facts, config);
  return { name, additions: additions(pod as unknown as Pod, after) };
}

/** What a golden file holds, and what its name ends with: that says what was decided. */
function shown(name: string, outcome: PodOutcome): { readonly ending: string; readonly value: unknown } {
  if (outcome.kind === "inject") {
    if (WHOLE.has(name)) return { ending: "injected", value: outcome.after };
    const added = additions(outcome.before, outcome.after);
    const like = added.sidecar === NOTHING ? WITHOUT_ROLE : WITH_ROLE;
    return { ending: "changes", value: { like: like.name, but: differences(like.additions, added) } };
  }
  const findings = outcome.findings.map((one) => ({ severity: one.severity, says: sentence(one) }));
  return outcome.kind === "deny"
    ? { ending: "denied", value: { findings } }
    : { ending: "left-alone", value: { reason: outcome.reason, findings } };
}

/** What a second pass makes of a pod, and the patch that says so. */
function again(pod: unknown, known: Facts, config: InjectorConfig): unknown {
  const outcome = admitPod(pod, known, config, {
    ...FRESH,
    token: () => "another-token-another-token-another-token-a",
  });
  if (outcome.kind !== "inject") return outcome;
  return { pod: outcome.after, patch: patchBetween(outcome.before, outcome.after) };
}

/** `$(NAME)` in variables of podrole's containers that no variable before it has: Kubernetes leaves it as it stands. */
const unreadReferences = ({ spec }: Pod): readonly string[] =>
  (spec.initContainers ?? [])
    .filter(({ name }) => name.startsWith("podrole-"))
    .flatMap(({ env = [] }) =>
      env.flatMap(({ value = "" }, index) =>
        [...value.matchAll(/(?<!\$)\$\((\w+)\)/g)]
          .map(([, name]) => name ?? "")
          .filter((name) => !env.slice(0, index).some((earlier) => earlier.name === name)),
      ),
    );

/** One for each identity, the first the same in every case. */
function tokens(): () => string {
  let given = 0;
  return () => (given++ === 0 ? TOKEN : `${TOKEN.slice(0, -1)}${given}`);
}

test.for(CASES.map((one) => [one.name, one] as const))(
  "%s",
  async ([name, { pod, facts: known, config }]) => {
    const before = JSON.stringify(pod);
    const outcome = admitPod(pod, known, config, { ...FRESH, token: tokens() });
    const { ending, value } = shown(name, outcome);
    const file = `${name}.${ending}.yaml`;
    const others = readdirSync(FOLDER).filter(
      (one) => one.startsWith(`${name}.`) && ![file, `${name}.in.yaml`].includes(one),
    );
    // Not written over by npm run golden: a pod that is no longer decided alike has to be seen.
    expect(others, `${name} is decided otherwise than before; if that is meant, delete`).toEqual([]);
    await expect(dump(value)).toMatchFileSnapshot(new URL(file, FOLDER).pathname);
    expect(JSON.stringify(pod), "the input is not written to").toBe(before);
    if (outcome.kind !== "inject") return;

    const { before: read, after } = outcome;
    const patch = patchBetween(read, after);
    expect(applied(read, patch), "the patch makes the pod").toEqual(after);
    expect(intrusions(read, patch), "the patch only adds").toEqual([]);
    expect(withoutAdditions(read, after), "nothing else has changed").toBe(before);
    expect(unreadReferences(after), "a variable stands behind those it refers to").toEqual([]);
    for (const one of [after, throughApiServer(after)]) {
      expect(again(one, known, config), "a second pass changes nothing").toEqual({ pod: one, patch: [] });
    }
  },
);

test("every file belongs to a case", () => {
  const names = new Set(["README", ...CASES.map(({ name }) => name)]);
  expect(names.size).toBeGreaterThan(50);
  expect(readdirSync(FOLDER).filter((file) => !names.has(file.split(".")[0] ?? ""))).toEqual([]);
});

test("a pod injected already keeps its token without a new one being made", () => {
  const { pod, facts, config } = caseNamed("pod-plain");
  const first = injected(pod, facts, config);
  expect(admitPod(first, facts, config, { ...FRESH, token: refuse })).toMatchObject({ after: first });
});
