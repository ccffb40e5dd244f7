import { describe, expect, test } from "vitest";
import { rowsOf } from "../../../../injector/cli/roles/rows/pod-rows.ts";
import { ruleText } from "../../../../injector/cli/roles/print/tables.ts";
import { sessionText, stateOf, stateText, type RoleRow } from "../../../../injector/cli/roles/rows/row.ts";
import type { InjectorConfig } from "../../../../injector/config/installation.ts";
import type { Facts } from "../../../../injector/model/facts.ts";
import type { Fields } from "../../../../injector/model/read.ts";
import { config } from "../../../support/config.ts";
import { ACCOUNT, base, facts, grant } from "../../../support/facts.ts";
import { barePod, gaveUp, injectedPod } from "../../../support/role-cluster.ts";

const TILL = `${ACCOUNT}till`;
const settings = (over: Partial<InjectorConfig> = {}): InjectorConfig =>
  config({ policy: "enforce", baseRoleArn: base(ACCOUNT), sourceOverride: ["broker"], ...over });
const allowing = grant("tills", { roles: ["till*"], namespaces: ["shop"] });
const made = (over: object = {}): Fields =>
  injectedPod({ space: "shop", name: "till-0", account: "till", role: "till", by: "tills", ...over });
const rows = (pod: Fields, known: Facts | Error | undefined, over: Partial<InjectorConfig> = {}) => {
  const set = settings(over);
  return rowsOf(pod, known, set, { fallback: "default", image: known === undefined ? undefined : set.image });
};
const rowOf = (...args: Parameters<typeof rows>): RoleRow => {
  const [row] = rows(...args).roles;
  if (row === undefined) throw new Error("no row");
  return row;
};

describe("the row of a pod", () => {
  test("has its role, and the rule that allowed it when it was made, as the webhook wrote it down", () => {
    expect(rowOf(made(), facts({ grants: [allowing] }))).toEqual({
      kind: "Pod",
      namespace: "shop",
      name: "till-0",
      serviceAccount: "till",
      guard: "block",
      role: TILL,
      source: "web-identity",
      rule: "RoleGrant tills",
      now: { kind: "allowed", rule: "RoleGrant tills" },
    });
  });

  test("names the rule of now, where another one allows it by now", () => {
    const other = grant("all", { roles: ["*"], namespaces: ["*"] });
    expect(rowOf(made(), facts({ grants: [other] })).now).toEqual({ kind: "allowed", rule: "RoleGrant all" });
  });

  test("says why the rules allow the role no longer, and that the broker then ends the session", () => {
    const denying = grant("no", { effect: "Deny", roles: ["till"], namespaces: ["shop"] });
    const [none, denied] = [rowOf(made(), facts()), rowOf(made(), facts({ grants: [allowing, denying] }))];
    expect(none.now).toMatchObject({ kind: "refused", code: "ROLE_NOT_ALLOWED", ends: false });
    expect(denied.now).toMatchObject({
      code: "ROLE_DENIED_BY_GRANT",
      message: expect.stringContaining("RoleGrant no"),
    });
    const broker = rowOf(made({ source: "broker" }), facts());
    expect(broker).toMatchObject({ source: "broker", now: { code: "ROLE_NOT_ALLOWED", ends: true } });
    expect([none, broker].map(stateText)).toEqual([
      "rule gone (ROLE_NOT_ALLOWED)",
      "rule gone, session ends (ROLE_NOT_ALLOWED)",
    ]);
    expect([none, broker].map(stateOf)).toEqual(["gone", "gone"]);
  });

  test("has the session that the broker would make now", () => {
    const known = facts({ grants: [allowing], annotations: { "podrole.dev/source": "broker" } });
    expect(rowOf(made({ source: "broker" }), known).broker).toEqual({
      sessionName: expect.stringMatching(/^shop\./) as string,
      isShared: false,
    });
  });

  test("decides in the mode of the namespace's source: listed leaves to IAM what no rule is about", () => {
    expect(rowOf(made(), facts(), { policy: undefined }).now).toMatchObject({ kind: "allowed", rule: /IAM/ });
  });

  test("says that new pods get another role, or none, where what named the role has changed", () => {
    const byAccount = (role: string | undefined) =>
      facts({
        grants: [allowing],
        ...(role === undefined ? {} : { account: { "eks.amazonaws.com/role-arn": role } }),
      });
    const pod = made();
    const { annotations } = (pod as { metadata: { annotations: Record<string, string> } }).metadata;
    const { "iam.amazonaws.com/role": _, ...others } = annotations;
    const unnamed = { ...pod, metadata: { ...(pod["metadata"] as object), annotations: others } };
    const [other, none] = [byAccount(`${ACCOUNT}till-2`), byAccount(undefined)].map((one) =>
      rowOf(unnamed, one),
    );
    expect(other?.now).toMatchObject({ kind: "other-role", role: `${ACCOUNT}till-2` });
    expect(other && stateText(other)).toBe("new pods ask for till-2");
    expect(none?.now).toEqual({ kind: "no-role" });
    expect(none && stateOf(none)).toBe("changed");
  });

  test("takes the role for no more than the pod's word in a namespace without the label, where everything can be forged", () => {
    const unlabelled = facts({ labels: { "podrole.dev/inject": "no" } });
    const forged = gaveUp(made(), "AccessDenied: STS says no.");
    for (const pod of [made(), forged]) {
      const row = rowOf(pod, unlabelled);
      expect(row.now).toEqual({ kind: "not-handled", why: "not labelled" });
      expect(row.refusal).toBeUndefined();
      expect([stateOf(row), stateText(row), ruleText(row), sessionText(row, 0)]).toEqual([
        "unknown",
        "not labelled, role not proven",
        "RoleGrant tills (says the pod)",
        "",
      ]);
    }
    expect(rows(made(), unlabelled).healthPort).toBeUndefined();
    expect(rows(made(), facts()).healthPort).toBe(16926);
  });

  const changed = (pod: Fields, spec: object, sidecar: object = {}): Fields => {
    const before = pod["spec"] as { readonly initContainers: readonly Fields[] };
    const initContainers = before.initContainers.map((one) =>
      one["name"] === "podrole-sidecar" ? { ...one, ...sidecar } : one,
    );
    return { ...pod, spec: { ...before, initContainers, ...spec } };
  };
  const asking = (role: string): Fields => {
    const other = made({ role }) as { readonly spec: { readonly initContainers: readonly Fields[] } };
    return { env: other.spec.initContainers.find(({ name }) => name === "podrole-sidecar")?.["env"] };
  };

  test.for([
    ["for Windows", changed(made(), { os: { name: "windows" } })],
    ["for Windows", changed(made(), { nodeSelector: { "kubernetes.io/os": "windows" } })],
    ["on the node's network", changed(made(), { hostNetwork: true })],
    ["another sidecar", changed(made(), {}, { image: "registry.example/mine:test" })],
    ["another sidecar", changed(made(), {}, { image: "registry.example/podrole-sidecar/mine" })],
    ["another sidecar", changed(made(), {}, { image: undefined })],
    ["another sidecar", changed(made(), {}, { command: ["sleep", "9999"] })],
    ["another sidecar", changed(made(), {}, { command: undefined })],
    ["another sidecar", changed(made(), {}, { env: [] })],
    ["another sidecar", changed(made(), {}, asking("other"))],
    ["another sidecar", changed(made(), {}, { env: undefined })],
    ["another sidecar", changed(made({ source: "broker" }), {}, asking("till"))],
  ] as const)(
    "takes the role for no more than the pod's word where the webhook did not make it so: %s",
    ([why, pod]) => {
      const row = rowOf(gaveUp(pod, "Forged: text of a tenant."), facts());
      expect([stateOf(row), stateText(row), ruleText(row), sessionText(row, 0)]).toEqual([
        "unknown",
        `${why}, role not proven${row.guard === "off" ? ", no guard" : ""}`,
        "RoleGrant tills (says the pod)",
        "",
      ]);
      expect(row.guard).toBe(why === "another sidecar" ? "block" : "off");
      expect(row.refusal).toBeUndefined();
      expect(rows(pod, facts()).healthPort).toBeUndefined();
    },
  );

  test("says that the pod has no guard, such as in a namespace with the guard off", () => {
    const { initContainers } = made()["spec"] as { readonly initContainers: readonly Fields[] };
    const sidecars = initContainers.filter(({ name }) => name === "podrole-sidecar");
    const row = rowOf(changed(made(), { initContainers: sidecars }), facts({ grants: [allowing] }));
    expect([row.guard, stateOf(row), stateText(row)]).toEqual(["off", "fine", "allowed, no guard"]);
  });

  test("takes a static pod's mirror for no more than its word, also where the rules may not be read", () => {
    const metadata = made()["metadata"] as { readonly annotations: object };
    const annotations = { ...metadata.annotations, "kubernetes.io/config.mirror": "x" };
    const mirror = { ...made(), metadata: { ...metadata, annotations } };
    for (const known of [facts(), undefined, new Error("x")]) {
      expect(rowOf(mirror, known).now).toEqual({ kind: "not-handled", why: "mirror pod" });
      expect(rows(mirror, known).healthPort).toBeUndefined();
    }
  });

  test.for([
    "registry.example/podrole-sidecar:0.2.0",
    `registry.example/podrole-sidecar@sha256:${"a".repeat(64)}`,
  ])(
    "believes a pod of another version or other settings, since then its image has another tag or digest: %s",
    (image) => {
      const pod = changed(made(), {}, { image, resources: {} });
      expect(rowOf(pod, facts({ grants: [allowing] })).now).toMatchObject({ kind: "allowed" });
      expect(rows(pod, facts()).healthPort).toBe(16926);
    },
  );

  test("believes a pod whose guard and sidecar are one container", () => {
    const one = changed(made(), {}, { command: ["podrole-sidecar", "guard-and-serve"] });
    expect(rowOf(one, facts({ grants: [allowing] })).now).toMatchObject({ kind: "allowed" });
  });

  test("does not compare the image with settings that may be unknown, where the rules may not be read", () => {
    const pod = changed(made(), {}, { image: "elsewhere.example/sidecar:1" });
    expect(rowOf(pod, undefined).now.kind).toBe("unknown");
    expect(rows(pod, undefined).healthPort).toBe(16926);
  });

  test("does not call a rule gone where the broker refuses for another reason", () => {
    // A rule with a slip of the pen was not withdrawn.
    const annotations = { "iam.amazonaws.com/allowed-roles": "no list" };
    const row = rowOf(made({ source: "broker" }), facts({ annotations }));
    expect(row.now).toMatchObject({ kind: "refused", ends: false });
    expect(stateText(row)).toMatch(/^broker refuses \([A-Z_]+\)$/);
  });

  test("does not guess where the rules may not be read, or cannot", () => {
    expect(rowOf(made(), undefined).now.kind).toBe("unknown");
    expect(rowOf(made(), new Error("RoleGrant x has no spec.")).now).toEqual({
      kind: "unknown",
      why: "RoleGrant x has no spec.",
    });
  });

  test("is one for each container that has a role of its own", () => {
    const pod = made({ containers: { sync: "till-sync" } });
    const known = facts({ grants: [grant("tills", { roles: ["till"], namespaces: ["shop"] })] });
    expect(rows(pod, known).roles.map(({ container, role, now }) => [container, role, now.kind])).toEqual([
      [undefined, TILL, "allowed"],
      ["sync", `${TILL}-sync`, "refused"],
    ]);
  });

  test("is not made of an annotation that the pod's author wrote, or of a pod that has ended", () => {
    const forged = barePod("shop", "forged");
    const status = JSON.stringify({ source: "web-identity", role: TILL, rule: "RoleGrant tills" });
    const metadata = { ...(forged["metadata"] as object), annotations: { "podrole.dev/status": status } };
    expect(rows({ ...forged, metadata }, facts()).roles).toEqual([]);
    expect(rows({ ...made(), status: { phase: "Failed" } }, facts())).toEqual({ roles: [], left: "ended" });
  });

  test.for([null, [], { apiVersion: "v1", kind: "Pod", spec: { containers: 3 } }, { kind: "Service" }])(
    "is none of an object that is no pod: %j",
    (object) => {
      expect(rows((object as unknown as Fields) ?? {}, facts())).toEqual({ roles: [], left: "no-pod" });
    },
  );
});

describe("a pod without a role", () => {
  test("is listed with its guard, and with the role that it would get if it were made now", () => {
    expect(rows(injectedPod({ space: "shop", name: "web", account: "web" }), facts()).plain).toMatchObject({
      name: "web",
      guard: "block",
      wouldGet: [],
    });
    const old = {
      ...barePod("shop", "old"),
      metadata: { namespace: "shop", name: "old", annotations: { "iam.amazonaws.com/role": "till" } },
    };
    expect(rows(old, facts({ grants: [allowing] })).plain).toMatchObject({ guard: "off", wouldGet: [TILL] });
    expect(rows(old, facts()).plain).toMatchObject({ guard: "off", wouldGet: [] });
  });

  test("has no guard where podrole writes none, whatever its containers are called", () => {
    const web = injectedPod({ space: "shop", name: "web", account: "web" });
    for (const more of [{ os: { name: "windows" } }, { hostNetwork: true }]) {
      const pod = { ...web, spec: { ...(web["spec"] as object), ...more } };
      expect(rows(pod, facts()).plain).toMatchObject({ guard: "off" });
    }
  });

  test("is only counted where podrole does not handle its namespace, or nobody knows whether it does", () => {
    for (const known of [facts({ labels: { "podrole.dev/inject": "no" } }), undefined])
      expect(rows(barePod("shop", "web"), known)).toEqual({ roles: [], left: "not-handled" });
  });
});

describe("a workload of a manifest", () => {
  const deployment = (role: string): Fields => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "till", namespace: "shop" },
    spec: {
      template: {
        metadata: { annotations: { "iam.amazonaws.com/role": role } },
        spec: { containers: [{ name: "app" }], serviceAccountName: "till" },
      },
    },
  });

  test("has the role that its pods would get, or the denial", () => {
    const known = facts({ grants: [allowing] });
    expect(rowOf(deployment("till"), known)).toMatchObject({
      kind: "Deployment",
      name: "till",
      role: TILL,
      source: "web-identity",
      now: { kind: "allowed", rule: "RoleGrant tills" },
    });
    expect(rowOf(deployment("till"), known).guard).toBe("block");
    const denied = rowOf(deployment("vault"), known);
    expect(denied.now).toMatchObject({ code: "ROLE_NOT_ALLOWED" });
    expect(stateText(denied)).toBe("not allowed (ROLE_NOT_ALLOWED)");
  });

  test("has the guard that its pods will get", () => {
    const guarded = (guard?: string) =>
      facts(guard === undefined ? {} : { annotations: { "podrole.dev/guard": guard } });
    const plainOf = (known: Facts) => rows(deployment(""), known).plain?.guard;
    expect([plainOf(guarded()), plainOf(guarded("verify")), plainOf(guarded("off"))]).toEqual([
      "block",
      "verify",
      "off",
    ]);
  });
});

describe("the session of a row", () => {
  const NOW = Date.parse("2026-11-29T15:00:00Z");
  const known = facts({ grants: [allowing] });

  test("is refused where the sidecar gave up, as its termination message says", () => {
    const row = rowOf(gaveUp(made(), "AccessDenied: STS says no."), known);
    expect(row.refusal).toEqual({
      code: "AccessDenied",
      message: "STS says no.",
      at: "2026-11-29T15:40:12Z",
      isCurrent: true,
    });
    expect([stateOf(row), sessionText(row, NOW)]).toEqual(["refused", "refused: AccessDenied"]);
  });

  test.for(["", "no code", "Completed", "a b: c"])("is not, with another message: %j", (message) => {
    expect(rowOf(gaveUp(made(), message), known).refusal).toBeUndefined();
  });

  test("ends at a time that the sidecar tells, and was refused before", () => {
    const row = rowOf(made(), known);
    const session = (over: object) =>
      sessionText({ ...row, session: { isHeld: true, refusals: {}, ...over } }, NOW);
    expect(session({ expiresAt: "2026-11-29T15:41:00.000Z" })).toBe("41m left");
    expect(session({ expiresAt: "2026-11-29T19:00:00.000Z" })).toBe("4h left");
    expect(session({ expiresAt: "2026-11-29T15:41:00.000Z", refusals: { AccessDenied: 2 } })).toBe(
      "41m left, refused before: AccessDenied",
    );
    expect(session({ isHeld: false })).toBe("none yet");
    expect(session({ isHeld: false, refusals: { AccessDenied: 2 } })).toBe("none: AccessDenied");
    expect(stateOf({ ...row, session: { isHeld: false, refusals: { AccessDenied: 2 } } })).toBe("refused");
  });
});
