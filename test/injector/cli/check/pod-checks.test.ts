import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { check } from "../../../../injector/cli/check/checks.ts";
import type { Attempt, CheckFacts, DryRun } from "../../../../injector/cli/check/facts.ts";
import type { Fields } from "../../../../injector/model/read.ts";
import { facts, limitRange } from "../../../support/facts.ts";
import { config } from "../../../support/config.ts";
import { admitted, everyContainer, injected, plainPod, pod } from "../../../support/pods.ts";
import { found, healthy, running } from "./healthy.ts";
import { named, problems, said } from "./checks-rig.ts";

const ENFORCE = "pod-security.kubernetes.io/enforce";

describe("namespaces", () => {
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
    const strict = { labels: { [ENFORCE]: "restricted" } };
    expect(problems({ namespaces: found([named("shop", strict)]) })).toEqual([]);
    const block = named("shop", { ...strict, annotations: { [ANNOTATION.guard]: "block" } });
    expect(problems({ namespaces: found([block]) })).toMatchObject([
      { code: "NAMESPACE_SETTINGS", status: "warn", finding: "BLOCK_NEEDS_PRIVILEGED" },
    ]);
    const [{ remedy = "" } = {}] = problems({ namespaces: found([block]) });
    expect(remedy).toContain("kubectl annotate --overwrite namespace shop podrole.dev/guard=auto.");
    expect(remedy).toContain(`kubectl label --overwrite namespace shop ${ENFORCE}=privileged.`);
    const off = named("shop", { ...strict, annotations: { [ANNOTATION.guard]: "off" } });
    expect(problems({ namespaces: found([off]) })).toMatchObject([
      { status: "warn", finding: "GUARD_OFF" },
      { status: "skip", code: "PODS_UNGUARDED" },
    ]);
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

describe("the mode of the guard", () => {
  const level = (value: string) => ({ labels: { [ENFORCE]: value } });
  const wants = (value: string) => ({ annotations: { [ANNOTATION.guard]: value } });

  test("is told of each namespace, together with the others of the same mode and reason", () => {
    const namespaces = found([
      named("alone"),
      named("billing", level("restricted")),
      named("canary", level("privileged")),
      named("dev", { ...level("baseline"), ...wants("block") }),
      named("edge", wants("off")),
      named("fleet", level("restricted")),
      named("games", { ...level("baseline"), ...wants("auto") }),
      named("hub", wants("verify")),
      named("iam", wants("perhaps\n")),
    ]);
    const label = `label ${ENFORCE} is`;
    const probed = "With --probe it is tried on the nodes.";
    expect(said("GUARD_MODES", { namespaces })).toEqual([
      "ok: Mode block, since the setting guard is auto and no label enforces baseline or restricted: alone, canary.",
      `ok: Mode block, since annotation podrole.dev/guard is block, although ${label} baseline: dev.`,
      "ok: Mode block, since annotation podrole.dev/guard has an invalid value, so no pod is admitted: iam.",
      `ok: Mode verify, since the setting guard is auto and ${label} restricted: billing, fleet. ${probed}`,
      `ok: Mode verify, since annotation podrole.dev/guard is auto and ${label} baseline: games. ${probed}`,
      `ok: Mode verify, since annotation podrole.dev/guard is verify: hub. ${probed}`,
      "ok: No guard, since annotation podrole.dev/guard is off: edge.",
    ]);
    expect(
      said("GUARD_MODES", { namespaces: found([named("a")]), config: config({ guard: "verify" }) }),
    ).toEqual([`ok: Mode verify, since the setting guard is verify: a. ${probed}`]);
  });

  test("stays one sentence for a thousand namespaces, and the JSON names them all", () => {
    const many = Array.from({ length: 1000 }, (_, n) => named(`team-${n}`));
    const results = check(healthy({ namespaces: found(many) })).filter(({ code }) => code === "GUARD_MODES");
    expect(results).toHaveLength(1);
    expect(results[0]?.message).toMatch(
      /^Mode block in 1000 namespaces, since .+ team-19 and 980 more \(-o json names all\)\.$/,
    );
    expect(results[0]).toMatchObject({
      guard: "block",
      namespaces: many.map(({ namespace: { name } }) => name),
    });
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

  test("are not reported when they have ended or are ending", () => {
    const old = running("a", plainPod());
    expect(
      among(
        { ...old, status: { phase: "Succeeded" } },
        { ...old, metadata: { name: "a", deletionTimestamp: "2026-11-24T00:00:00Z" } },
      ),
    ).toBe("ok: Every pod there has its guard.");
  });

  test("are told apart from those that can have no guard, whatever containers they name", () => {
    const pods = (one: Fields): readonly Fields[] => {
      const spec = one["spec"] as Fields;
      return [
        { ...one, spec: { ...spec, hostNetwork: true } },
        { ...one, metadata: { name: "b" }, spec: { ...spec, os: { name: "windows" } } },
        { ...one, metadata: { name: "c", annotations: { "kubernetes.io/config.mirror": "x" } } },
      ];
    };
    for (const one of [running("a", plainPod()), running("a")])
      expect(
        said("PODS_UNGUARDED", { pods: found([{ namespace: "shop", pods: found(pods(one)) }]) }),
      ).toEqual([
        "skip: Not checked: some pods of shop can have no guard: a (on the node's network), b (for Windows), c (mirror pod).",
        "ok: Every other pod there has its guard.",
      ]);
  });

  test("are checked up to a maximum, and the report says so", () => {
    const pods = found(Array<Fields>(5000).fill(running("b")));
    expect(said("PODS_UNGUARDED", { pods: found([{ namespace: "shop", pods }]) })[0]).toMatch(
      /^skip: .+ 5000 pods of shop/,
    );
  });

  test("are not looked for where the guard is off, and the report says so", () => {
    const off = facts({ annotations: { [ANNOTATION.guard]: "off" } });
    const pods = [{ namespace: "shop", pods: found([running("a", plainPod())]) }];
    const skipped = "skip: Not checked: the guard is off for the pods of shop.";
    expect(said("PODS_UNGUARDED", { namespaces: found([off]), pods: found(pods) })).toEqual([skipped]);
    const both = {
      namespaces: found([off, named("mall")]),
      pods: found([...pods, { namespace: "mall", pods: found([running("b")]) }]),
    };
    expect(said("PODS_UNGUARDED", both)).toEqual([skipped, "ok: Every other pod there has its guard."]);
  });
});

describe("the dry run", () => {
  const run = (over: Partial<DryRun>) => {
    const { dryRuns } = healthy();
    if (dryRuns.kind !== "found") throw new Error("no dry run");
    return { dryRuns: found(dryRuns.value.map((one) => ({ ...one, ...over }))) };
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

  test("where the guard is in another mode than the namespace's", () => {
    const verified = injected(pod(), facts(), config({ guard: "verify" }));
    expect(said("DRY_RUN", run({ good: made(verified) }))[0]).toMatch(
      /^fail: The guard of a pod in shop is in mode verify, and not in mode block\.$/,
    );
  });

  test("where a pod without a role is all that could be tried, which is said", () => {
    const plain = { expected: admitted(plainPod()), withRole: false, good: made(injected(plainPod())) };
    expect(said("DRY_RUN", run(plain))[0]).toMatch(/^ok: .+; without a role/);
  });

  test("where a pod that this version would deny is let in", () => {
    const expected = admitted(pod({ hostPID: true }));
    expect(said("DRY_RUN", run({ expected }))[0]).toMatch(/^fail: .+ would not do \(HOST_NAMESPACE\)/);
  });

  describe("that a Pod Security level refuses", () => {
    const said300 = (level: string, container = "podrole-guard") =>
      refused(
        `pods "podrole-check-x" is forbidden: violates PodSecurity "${level}:latest": non-default capabilities (container "${container}" must not include "NET_ADMIN" in securityContext.capabilities.add)`,
      );
    const judged = (good: Attempt, over: Partial<CheckFacts>) =>
      check(healthy({ ...run({ good }), ...over })).find(({ code }) => code === "DRY_RUN");

    test("which no label shows, says that it is a default, what to set, and for how many it holds", () => {
      const labelled = named("till", { labels: { [ENFORCE]: "privileged" } });
      const namespaces = found([named("shop"), named("depot"), labelled]);
      expect(judged(said300("baseline"), { namespaces })).toMatchObject({
        status: "fail",
        message:
          "A pod in shop is refused by Pod Security level baseline, which forbids the guard's NET_ADMIN. No label of the namespace shows that level: it is a default in the API server's configuration. The same level holds for 1 more in mode block without that label, unless they are exempt.",
        remedy: `For mode verify: kubectl annotate --overwrite namespace shop podrole.dev/guard=verify, or kubectl label --overwrite namespace shop ${ENFORCE}=baseline, which auto goes by; or the setting guard: verify in podrole-config, for all namespaces. To keep mode block, where podrole enforces baseline itself: kubectl label --overwrite namespace shop ${ENFORCE}=privileged.`,
      });
    });

    test("does not name auto's label where auto is not what chose the mode", () => {
      const namespaces = found([named("shop", { annotations: { [ANNOTATION.guard]: "block" } })]);
      expect(judged(said300("restricted"), { namespaces })?.remedy).not.toContain("auto goes by");
    });

    test("which its own label shows, says who chose mode block", () => {
      const label = { labels: { [ENFORCE]: "restricted" } };
      const byAnnotation = found([named("shop", { ...label, annotations: { [ANNOTATION.guard]: "block" } })]);
      expect(judged(said300("restricted"), { namespaces: byAnnotation })).toMatchObject({
        status: "fail",
        message: expect.stringContaining(
          "annotation podrole.dev/guard is block, and mode block needs NET_ADMIN",
        ),
        remedy: expect.stringContaining("podrole.dev/guard=auto"),
      });
      const bySetting = { namespaces: found([named("shop", label)]), config: config({ guard: "block" }) };
      expect(judged(said300("restricted"), bySetting)?.message).toContain("the setting guard is block");
    });

    test("for a container of somebody else's, leaves it at the API server's words", () => {
      const result = judged(said300("baseline", "istio-init"), { namespaces: found([named("shop")]) });
      expect(result?.message).toContain("no fault in it is refused");
      expect(result?.message).toContain("istio-init");
    });
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
