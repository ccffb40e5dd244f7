import { describe, expect, test } from "vitest";
import { AnswerTooLong } from "../../../injector/cluster/body.ts";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { statusOf, updateGrants } from "../../../injector/controller/grant-status.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";

const NOW = Date.parse("2026-11-21T06:00:00Z");
const LATER = NOW + 3_600_000;
const grant = (name: string, spec: object = { roles: ["*"], namespaces: ["shop"] }, status?: object) => ({
  metadata: { name, generation: 3 },
  spec,
  ...(status ? { status } : {}),
});
const using = (podsUsing: number, nowMs = NOW) => ({ podsUsing, hasBase: true, nowMs });
const SETTINGS = { namespace: "podrole-system", configMap: "podrole-config" };
const pod = (own: string, containers: Readonly<Record<string, string>> = {}) => {
  const rules = Object.entries(containers).map(([name, of]) => [name, { rule: `RoleGrant ${of}` }]);
  const status = { rule: `RoleGrant ${own}`, containers: Object.fromEntries(rules) };
  return { metadata: { annotations: { [ANNOTATION.status]: JSON.stringify(status) } } };
};

describe("the status of a grant", () => {
  test("says that podrole can read the grant, since when, and how many pods use it", () => {
    expect(statusOf(grant("g"), using(2))).toEqual({
      conditions: [
        {
          type: "Valid",
          status: "True",
          reason: "Readable",
          message: "podrole applies this grant.",
          observedGeneration: 3,
          lastTransitionTime: "2026-11-21T06:00:00Z",
        },
      ],
      podsUsing: 2,
    });
  });

  test("says why podrole cannot read the grant, and what follows from that", () => {
    const { conditions } = statusOf(grant("g", { namespaces: ["a"], effect: "Maybe" }), using(0)) as {
      conditions: [{ status: string; message: string }];
    };
    expect(conditions[0]).toMatchObject({ status: "False", reason: "Unreadable" });
    expect(conditions[0].message).toContain("spec.effect other than Allow and Deny");
    expect(conditions[0].message).toContain("podrole denies the pods that it may cover");
  });

  test.for([
    [
      "a Deny by name without a base ARN",
      { effect: "Deny", roles: ["*:role/x", "admin"], namespaces: ["*"] },
      'has "admin" in spec.roles, which is a name, and names need the setting baseRoleArn: until it is set, podrole denies the name in every account',
    ],
    [
      "an ARN that is no role's",
      { roles: ["arn:aws:iam::1:role/x"], namespaces: ["a"] },
      "is no ARN of a role",
    ],
    ["no roles", { effect: "Deny", namespaces: ["a"] }, "denies nothing, since spec.roles is empty"],
    [
      "no service accounts",
      { roles: ["*"], namespaces: ["a"], serviceAccounts: [] },
      "covers no service account, since spec.serviceAccounts is empty",
    ],
  ] as const)("says that %s can never match", ([, spec, why]) => {
    const { conditions } = statusOf(grant("g", spec), { ...using(0), hasBase: false }) as {
      conditions: [{ message: string }];
    };
    expect(conditions[0]).toMatchObject({ status: "False", reason: "NeverMatches" });
    expect(conditions[0].message).toContain(why);
    expect(conditions[0].message).toMatch(/^The grant .+ podrole applies the rest of it\.$/);
  });

  test("names the first of very many entries that can never match", () => {
    const roles = Array.from({ length: 500 }, (_, index) => `arn:${index}`);
    const text = JSON.stringify(statusOf(grant("g", { roles, namespaces: ["a"] }), using(0)));
    expect(text).toContain("and 495 more like these");
    expect(text.length).toBeLessThan(1000);
  });

  test("keeps the time of its last change, so that the next look changes nothing", () => {
    const first = statusOf(grant("g"), using(2));
    expect(statusOf(grant("g", undefined, first), using(2, LATER))).toEqual(first);
    const broken = statusOf(grant("g", { effect: "x" }, first), using(2, LATER));
    expect(broken).toMatchObject({ conditions: [{ lastTransitionTime: "2026-11-21T07:00:00Z" }] });
  });
});

describe("a round of the grants", () => {
  const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
  const PODS = "/api/v1/pods";
  const CONFIG_MAP = "/api/v1/namespaces/podrole-system/configmaps/podrole-config";
  const never = new AbortController().signal;

  interface Asked {
    readonly gets: string[];
    readonly counts: Readonly<Record<string, number>>;
    readonly reasons: Readonly<Record<string, string>>;
  }

  /** @param pages the pages of each list, by the beginning of its path */
  async function round(
    lists: Readonly<Record<string, readonly (readonly object[])[]>>,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Asked> {
    const gets: string[] = [];
    const counts: Record<string, number> = {};
    const reasons: Record<string, string> = {};
    const api = {
      get: (path: string, _ms: number, _signal: AbortSignal, accept = "") => {
        if (path === CONFIG_MAP) return Promise.resolve({ data: settings });
        gets.push(path);
        const [start = "", pages = []] = Object.entries(lists).find(([one]) => path.startsWith(one)) ?? [];
        if (start === PODS && !accept.includes("PartialObjectMetadataList")) throw new Error("whole pods");
        const index = Number(new URL(path, "http://a").searchParams.get("continue") ?? 0);
        const metadata = index + 1 < pages.length ? { continue: String(index + 1) } : {};
        return Promise.resolve({ metadata, items: pages[index] ?? null });
      },
      patch: (path: string, changes: object) => {
        const { status } = changes as { status: { podsUsing: number; conditions: [{ reason: string }] } };
        const name = path.slice(GRANTS.length + 1, -"/status".length);
        counts[name] = status.podsUsing;
        reasons[name] = status.conditions[0].reason;
        return Promise.resolve();
      },
    };
    await updateGrants({ api, now: () => NOW, ...SETTINGS }, never);
    return { gets, counts, reasons };
  }

  test("counts the pods of the whole cluster by one list from the API server's cache", async () => {
    const { gets, counts } = await round({
      [GRANTS]: [[grant("a"), grant("b")]],
      [PODS]: [[pod("a"), pod("a"), pod("other"), { metadata: {} }, { metadata: { labels: null } }]],
    });
    expect(counts).toEqual({ a: 2, b: 0 });
    expect(gets).toEqual([
      `${GRANTS}?limit=500&resourceVersion=0`,
      `${PODS}?labelSelector=podrole.dev%2Fgrant&fieldSelector=status.phase!%3DSucceeded%2Cstatus.phase!%3DFailed&limit=500&resourceVersion=0`,
    ]);
  });

  test("reads every page, and sends no version together with a page's token", async () => {
    const { gets, counts } = await round({
      [GRANTS]: [[grant("a")], [grant("b")]],
      [PODS]: [[pod("a")], [pod("b"), pod("a")], [pod("a")]],
    });
    expect(counts).toEqual({ a: 3, b: 1 });
    const later = gets.filter((path) => path.includes("continue="));
    expect(later.map((path) => path.includes("resourceVersion"))).toEqual([false, false, false]);
  });

  test("counts a pod once for each grant that allowed a role of it", async () => {
    const { counts } = await round({
      [GRANTS]: [[grant("a"), grant("b")]],
      [PODS]: [[pod("a", { app: "b", second: "b", third: "a" })]],
    });
    expect(counts).toEqual({ a: 1, b: 1 });
  });

  test("ignores a forged status annotation", async () => {
    const texts = ["{", "7", "null", '{"rule":7}', '{"rule":"RoleGrant a b"}', '{"containers":[null,7]}'];
    const odd = texts.map((text) => ({ metadata: { annotations: { [ANNOTATION.status]: text } } }));
    expect((await round({ [GRANTS]: [[grant("a")]], [PODS]: [odd] })).counts).toEqual({ a: 0 });
  });

  test("writes nothing when nothing has changed", async () => {
    const settled = grant("a", undefined, statusOf(grant("a"), using(0, NOW - 60_000)));
    expect((await round({ [GRANTS]: [[settled]] })).counts).toEqual({});
  });

  test("succeeds without the CRD, and when a grant is deleted meanwhile", async () => {
    const absent = { get: () => Promise.reject(new Refusal(404, "")), patch: () => Promise.resolve() };
    await updateGrants({ api: absent, now: () => NOW, ...SETTINGS }, never);
    const deleted = {
      get: () => Promise.resolve({ items: [grant("a")] }),
      patch: () => Promise.reject(new Refusal(404, "")),
    };
    await updateGrants({ api: deleted, now: () => NOW, ...SETTINGS }, never);
    const refused = { ...absent, get: () => Promise.reject(new Refusal(403, "")) };
    await expect(updateGrants({ api: refused, now: () => NOW, ...SETTINGS }, never)).rejects.toMatchObject({
      status: 403,
    });
  });

  test("reads a list in smaller and smaller pages when a page is too long", async () => {
    const gets: string[] = [];
    const counts: object[] = [];
    const api = {
      get: async (path: string) => {
        if (path === CONFIG_MAP) return {};
        if (path.startsWith(GRANTS)) return { items: [grant("a")] };
        const query = new URL(path, "http://a").searchParams;
        gets.push(`${query.get("limit")} ${query.get("resourceVersion")} ${query.get("continue")}`);
        if (Number(query.get("limit")) > 100) throw new AnswerTooLong();
        return { metadata: query.has("continue") ? {} : { continue: "1" }, items: [pod("a")] };
      },
      patch: async (_path: string, changes: object) => void counts.push(changes),
    };
    await updateGrants({ api, now: () => NOW, ...SETTINGS }, never);
    expect(gets).toEqual(["500 0 null", "500 null null", "63 null null", "63 null 1"]);
    expect(counts).toMatchObject([{ status: { podsUsing: 2 } }]);
  });

  test("writes the other grants when the API server refuses one, and reports that", async () => {
    const written: string[] = [];
    const api = {
      get: async () => ({ items: [grant("a"), grant("b")] }),
      patch: async (path: string) => {
        written.push(path);
        if (path.includes("/a/")) throw new Refusal(422, "a is invalid");
      },
    };
    await expect(updateGrants({ api, now: () => NOW, ...SETTINGS }, never)).rejects.toMatchObject({
      said: "a is invalid",
    });
    expect(written).toEqual([`${GRANTS}/a/status`, `${GRANTS}/b/status`]);
  });

  test("takes names for valid where the settings have a base ARN, or cannot be read", async () => {
    const named = { [GRANTS]: [[grant("a", { roles: ["billing-*"], namespaces: ["shop"] })]] };
    expect((await round(named)).reasons).toEqual({ a: "NeverMatches" });
    expect((await round(named, { baseRoleArn: "auto" })).reasons).toEqual({ a: "Readable" });
    const written: string[] = [];
    const api = {
      get: (path: string) =>
        path === CONFIG_MAP
          ? Promise.reject(new Refusal(403, ""))
          : Promise.resolve({ items: named[GRANTS]?.[0] }),
      patch: async (_path: string, changes: object) => void written.push(JSON.stringify(changes)),
    };
    await updateGrants({ api, now: () => NOW, ...SETTINGS }, never);
    expect(written.join()).toContain("Readable");
  });

  test("does not list pods when there are no grants", async () => {
    expect((await round({ [GRANTS]: [[]] })).gets).toHaveLength(1);
  });
});
