import { expect, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract.ts";
import { admit, type Outcome } from "../../injector/admit.ts";
import type { InjectorConfig } from "../../injector/config.ts";
import { patchBetween } from "../../injector/patch.ts";
import type { Container, Pod } from "../../injector/pod.ts";
import { applied, intrusions, withoutAdditions } from "../support/additions.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { everyContainer, throughApiServer, TOKEN, withInit } from "../support/pods.ts";
import { numbers, randomPod } from "../support/random-pods.ts";

/** Properties of every pod, on pods made at random. A failure names its seed. */

const SEEDS = Array.from({ length: 400 }, (_, seed) => seed);
const SETTINGS: readonly InjectorConfig[] = [
  config(),
  config({ guard: "off" }),
  config({ source: "node", policy: "off", region: "us-east-1" }),
  config({ source: "ambient", ambientSecret: "s", policy: "audit" }),
];
const OTHER_TOKEN = "another-token-another-token-another-token-a";

const settingsOf = (seed: number): InjectorConfig => SETTINGS[seed % SETTINGS.length] ?? config();
const injectedOf = (outcome: Outcome): { before: Pod; after: Pod } | undefined =>
  outcome.kind === "inject" ? outcome : undefined;
const pass = (object: unknown, seed: number, token = TOKEN): Outcome =>
  admit(object, facts(), settingsOf(seed), () => token);

const CASES = SEEDS.map((seed) => {
  const object = randomPod(numbers(seed));
  return { seed, object, outcome: pass(object, seed) };
});
const INJECTED = CASES.flatMap(({ seed, outcome }) => {
  const made = injectedOf(outcome);
  return made === undefined ? [] : [{ seed, ...made }];
});

test("the pods are of all sorts: many are injected, some are denied", () => {
  expect(INJECTED.length).toBeGreaterThan(100);
  expect(CASES.filter(({ outcome }) => outcome.kind === "deny").length).toBeGreaterThan(40);
});

test("the patch makes the pod, only adds, and taken back leaves the pod as it was, byte for byte", () => {
  for (const { seed, before, after } of INJECTED) {
    const text = JSON.stringify(before);
    const patch = patchBetween(before, after);
    expect(applied(before, patch), `seed ${seed}`).toEqual(after);
    expect(intrusions(before, patch), `seed ${seed}`).toEqual([]);
    expect(withoutAdditions(before, after), `seed ${seed}`).toBe(text);
  }
});

test("twice is once, the API server's round trip in between or not", () => {
  for (const { seed, after } of INJECTED) {
    expect(injectedOf(pass(after, seed, OTHER_TOKEN))?.after, `seed ${seed}`).toEqual(after);
    const settled = throughApiServer(after);
    expect(patchBetween(settled, injectedOf(pass(settled, seed, OTHER_TOKEN))?.after ?? settled)).toEqual([]);
  }
});

const mesh = (index: number): Container => ({ name: `mesh-${index}`, image: "mesh:1" });
const OTHERS: readonly ((one: Pod, index: number) => Pod)[] = [
  (one, index) => withInit(one, [mesh(index), ...(one.spec.initContainers ?? [])]),
  (one, index) => withInit(one, [...(one.spec.initContainers ?? []), mesh(index)]),
  (one, index) => ({ ...one, spec: { ...one.spec, containers: [...one.spec.containers, mesh(index)] } }),
  (one) => everyContainer(one, (container) => ({ ...container, imagePullPolicy: "Always", resources: {} })),
  throughApiServer,
];

test("other injectors in any order, and podrole again, end with ours first, once each, and everything covered", () => {
  for (const { seed, after } of INJECTED.filter((one) => settingsOf(one.seed).source !== "node")) {
    const next = numbers(seed + 1_000_000);
    let state = after;
    for (let round = 0; round < 3; round++) {
      const other = OTHERS[Math.floor(next() * OTHERS.length)] ?? throughApiServer;
      const outcome = pass(other(state, round), seed, OTHER_TOKEN);
      expect(outcome.kind, `seed ${seed}: ${JSON.stringify(outcome.findings)}`).toBe("inject");
      state = injectedOf(outcome)?.after ?? state;
    }
    const names = (state.spec.initContainers ?? []).map(({ name }) => name);
    const first = (after.spec.initContainers ?? [])
      .map(({ name }) => name)
      .filter((name) => name.startsWith("podrole-"));
    expect(names.slice(0, first.length), `seed ${seed}`).toEqual(first);
    expect(
      names.filter((name) => name.startsWith("podrole-")),
      `seed ${seed}`,
    ).toEqual(first);
    const guarded = first.includes(CONTAINER.guard);
    const users = [...(state.spec.initContainers ?? []), ...state.spec.containers].filter(
      ({ name }) => !name.startsWith("podrole-"),
    );
    const bare = users.filter(({ securityContext }) => {
      const drop = securityContext?.capabilities?.drop ?? [];
      return !drop.includes("NET_RAW") && !drop.includes("ALL");
    });
    expect(guarded ? bare : [], `seed ${seed}`).toEqual([]);
  }
});
