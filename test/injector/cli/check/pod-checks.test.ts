import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import type { Attempt, DryRun } from "../../../../injector/cli/check/facts.ts";
import type { Fields } from "../../../../injector/model/read.ts";
import { facts, limitRange } from "../../../support/facts.ts";
import { config } from "../../../support/config.ts";
import { admitted, everyContainer, injected, plainPod, pod } from "../../../support/pods.ts";
import { found, healthy, running } from "./healthy.ts";
import { problems, said } from "./checks-rig.ts";

describe("namespaces", () => {
  const named = (name: string, over: Parameters<typeof facts>[0] = {}) => {
    const one = facts(over);
    return { ...one, namespace: { ...one.namespace, name } };
  };

  test("warn when none is under podrole, a label has another value, or a label has no effect", () => {
    expect(said("NAMESPACES", { namespaces: found([]) })).toEqual(["warn: No namespace is under podrole."]);
    const odd = [
      named("a", { labels: { "podrole.dev/inject": "true" } }),
      named("kube-system"),
      named("podrole-system"),
    ];
    expect(said("NAMESPACES", { namespaces: found(odd) })).toEqual([
      "warn: No namespace is under podrole.",
      expect.stringMatching(/^warn: .+ a \(true\)\.$/),
      expect.stringMatching(/^warn: .+ kube-system, podrole-system: /),
    ]);
  });

  test("one whose Pod Security level forbids the guard that it asks for warns by a pod's own code", () => {
    const strict = { labels: { "pod-security.kubernetes.io/enforce": "restricted" } };
    expect(problems({ namespaces: found([named("shop", strict)]) })).toEqual([]);
    const block = named("shop", { ...strict, annotations: { [ANNOTATION.guard]: "block" } });
    expect(problems({ namespaces: found([block]) })).toMatchObject([
      { code: "NAMESPACE_SETTINGS", status: "warn", finding: "BLOCK_NEEDS_PRIVILEGED" },
    ]);
    const off = named("shop", { ...strict, annotations: { [ANNOTATION.guard]: "off" } });
    expect(problems({ namespaces: found([off]) })).toMatchObject([{ status: "warn", finding: "GUARD_OFF" }]);
  });

  test("one whose LimitRange is too tight for guard or sidecar fails with its name", () => {
    const tight = [limitRange({ type: "Container", max: { memory: "40Mi" } })];
    const results = problems({ namespaces: found([named("shop", { limitRanges: tight })]) });
    expect(results).toMatchObject([
      { code: "NAMESPACE_SETTINGS", status: "fail", finding: "LIMIT_RANGE_TOO_TIGHT" },
    ]);
    expect(results[0]?.message).toContain('LimitRange "limits"');
    expect(results[0]?.message).toContain("podrole-sidecar");
  });

  test("annotations that are misspelled, misplaced or hold what they cannot", () => {
    const annotations = {
      "podrole.dev/gaurd": "off",
      [ANNOTATION.role]: "x",
      [ANNOTATION.source]: "node",
      [ANNOTATION.exempt]: "privileged",
    };
    const codes = problems({ namespaces: found([named("shop", { annotations })]) }).map(
      ({ finding }) => finding,
    );
    expect(new Set(codes)).toEqual(
      new Set(["ANNOTATION_INVALID", "ANNOTATION_MISPLACED", "ANNOTATION_UNKNOWN", "EXEMPTION_INVALID"]),
    );
    expect(codes.filter((code) => code === "ANNOTATION_MISPLACED")).toHaveLength(1);
  });
});

describe("pods from before the label", () => {
  const among = (...pods: readonly Fields[]) =>
    said("PODS_UNGUARDED", { pods: found([{ namespace: "shop", pods: found(pods) }]) })[0];

  test("are named, up to ten", () => {
    expect(among(running("a", plainPod()), running("b"))).toMatch(/^warn: A pod runs in shop .+: a\.$/);
    const many = Array.from({ length: 12 }, (_, n) => running(`p${n}`, plainPod()));
    expect(among(...many)).toMatch(/^warn: 12 pods run in shop .+ p9 and 2 more\.$/);
  });

  test("are not those whose guard is in the sidecar's container", () => {
    const together = injected(pod(), facts(), config({ guardContainer: "sidecar" }));
    expect(among(running("a", together))).toMatch(/^ok/);
    const alone = everyContainer(together, (one) => ({ ...one, command: ["podrole-sidecar", "serve"] }));
    expect(among(running("a", alone))).toMatch(/^warn/);
  });

  test("are not reported when they have ended, are ending, or cannot have a guard", () => {
    const old = running("a", plainPod());
    const spec = old["spec"] as Fields;
    expect(
      among(
        { ...old, status: { phase: "Succeeded" } },
        { ...old, metadata: { name: "a", deletionTimestamp: "2026-11-24T00:00:00Z" } },
        { ...old, spec: { ...spec, hostNetwork: true } },
        { ...old, spec: { ...spec, os: { name: "windows" } } },
        { ...old, metadata: { name: "a", annotations: { "kubernetes.io/config.mirror": "x" } } },
      ),
    ).toMatch(/^ok/);
  });

  test("are checked up to a maximum, and the report says so", () => {
    const pods = found(Array<Fields>(5000).fill(running("b")));
    expect(said("PODS_UNGUARDED", { pods: found([{ namespace: "shop", pods }]) })[0]).toMatch(
      /^skip: .+ 5000 pods of shop/,
    );
  });

  test("are not reported when the guard is off", () => {
    const namespaces = found([facts({ annotations: { [ANNOTATION.guard]: "off" } })]);
    const pods = found([{ namespace: "shop", pods: found([running("a", plainPod())]) }]);
    expect(said("PODS_UNGUARDED", { namespaces, pods })[0]).toMatch(/^ok/);
  });
});

describe("the dry run", () => {
  const run = (over: Partial<DryRun>) => {
    const { dryRun } = healthy();
    if (dryRun.kind !== "found") throw new Error("no dry run");
    return { dryRun: found({ ...dryRun.value, ...over }) };
  };
  const refused = (words: string): Attempt => ({ kind: "refused", status: 403, said: words });
  const made = (one: object): Attempt => ({ kind: "made", object: one as Fields });

  test.for([
    [
      "the injector cannot be called",
      refused('failed calling webhook "pods.podrole.dev": x509'),
      "fail: The API server cannot call",
    ],
    [
      "somebody refuses the pod",
      refused('pods "x" is forbidden: exceeded quota'),
      "fail: A pod in shop .* exceeded quota",
    ],
    [
      "its user may not make pods",
      refused('pods is forbidden: User "a" cannot create resource "pods"'),
      "skip: .*cannot create",
    ],
    ["nobody answers", { kind: "unanswered", why: "no answer within 40000 ms" }, "skip: .*no answer"],
    ["the webhook was not called", made(pod()), "fail: .*without guard and sidecar"],
  ] as const)("where %s", ([, good, words]) => {
    expect(said("DRY_RUN", run({ good }))[0]).toMatch(new RegExp(`^${words}`));
  });

  test("where a quota refuses the pod, says what guard and sidecar take", () => {
    const [result] = problems(run({ good: refused('pods "x" is forbidden: exceeded quota: compute') }));
    expect(result?.remedy).toContain("podrole-guard has requests.cpu=10m,requests.memory=20Mi,limits.cpu=1");
    expect(result?.remedy).toContain("podrole-sidecar has requests.cpu=10m");
  });

  test("where another container comes first, or guard and sidecar are of another image", () => {
    const one = injected(pod());
    const first = { name: "mesh-init", image: "mesh:1" };
    const [guard, ...rest] = one.spec.initContainers ?? [];
    const late = { ...one, spec: { ...one.spec, initContainers: [first, guard, ...rest] } };
    expect(said("DRY_RUN", run({ good: made(late) }))[0]).toMatch(/^fail: .+ starts with mesh-init/);
    const other = {
      ...one,
      spec: { ...one.spec, initContainers: [{ ...guard, image: "other:1" }, ...rest] },
    };
    expect(said("DRY_RUN", run({ good: made(other) }))[0]).toMatch(/^fail: .+other:1/);
    const after = { ...one, spec: { ...one.spec, initContainers: [guard, ...rest, first] } };
    expect(said("DRY_RUN", run({ good: made(after) }))[0]).toMatch(/^ok/);
  });

  test("where a pod without a role is all that could be tried, which is said", () => {
    const plain = { expected: admitted(plainPod()), withRole: false, good: made(injected(plainPod())) };
    expect(said("DRY_RUN", run(plain))[0]).toMatch(/^ok: .+; without a role/);
  });

  test("where a pod that this version would deny is let in", () => {
    const expected = admitted(pod({ hostPID: true }));
    expect(said("DRY_RUN", run({ expected }))[0]).toMatch(/^fail: .+ would not do \(HOST_NAMESPACE\)/);
  });

  test("is not judged by images that are not known: of another version, or with options that could not be read", () => {
    const one = injected(pod());
    const [guard, ...rest] = one.spec.initContainers ?? [];
    const other = made({
      ...one,
      spec: { ...one.spec, initContainers: [{ ...guard, image: "other:1" }, ...rest] },
    });
    expect(said("DRY_RUN", { ...run({ good: other }), version: "0.3.0" })[0]).toMatch(/^ok/);
    expect(said("DRY_RUN", { ...run({ good: other }), configProblem: "no right" })[0]).toMatch(/^ok/);
  });

  test("fails where it is asked for in a namespace that is not under podrole", () => {
    expect(said("DRY_RUN", { tryIn: "till" })[0]).toMatch(/^fail: Namespace till is not under podrole/);
    expect(said("DRY_RUN", { tryIn: "shop" })[0]).toMatch(/^ok/);
  });

  test("where a pod with NET_ADMIN is let in", () => {
    expect(said("DRY_RUN_DENIED", run({ bad: made(pod()) }))[0]).toMatch(
      /^fail: A pod with NET_ADMIN is admitted to shop/,
    );
    expect(said("DRY_RUN_DENIED", run({ bad: refused("failed calling webhook") }))[0]).toMatch(/^skip/);
  });
});
