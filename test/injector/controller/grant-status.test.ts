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
const pod = (own: string, containers: Readonly<Record<string, string>> = {}) => {
  const rules = Object.entries(containers).map(([name, of]) => [name, { rule: `RoleGrant ${of}` }]);
  const status = { rule: `RoleGrant ${own}`, containers: Object.fromEntries(rules) };
  return { metadata: { annotations: { [ANNOTATION.status]: JSON.stringify(status) } } };
};

describe("the status of a grant", () => {
  test("says that podrole can read the grant, since when, and how many pods use it", () => {
    expect(statusOf(grant("g"), 2, NOW)).toEqual({
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
    const { conditions } = statusOf(grant("g", { namespaces: ["a"], effect: "Maybe" }), 0, NOW) as {
      conditions: [{ status: string; message: string }];
    };
    expect(conditions[0]).toMatchObject({ status: "False", reason: "Unreadable" });
    expect(conditions[0].message).toContain("spec.effect other than Allow and Deny");
    expect(conditions[0].message).toContain("podrole denies the pods that it may cover");
  });

  test("keeps the time of its last change, so that the next look changes nothing", () => {
    const first = statusOf(grant("g"), 2, NOW);
    expect(statusOf(grant("g", undefined, first), 2, LATER)).toEqual(first);
    const broken = statusOf(grant("g", { effect: "x" }, first), 2, LATER);
    expect(broken).toMatchObject({ conditions: [{ lastTransitionTime: "2026-11-21T07:00:00Z" }] });
  });
});

describe("a round of the grants", () => {
  const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
  const PODS = "/api/v1/pods";
  const never = new AbortController().signal;

  interface Asked {
    readonly gets: string[];
    readonly counts: Readonly<Record<string, number>>;
  }

  /** @param pages the pages of each list, by the beginning of its path */
  async function round(lists: Readonly<Record<string, readonly (readonly object[])[]>>): Promise<Asked> {
    const gets: string[] = [];
    const counts: Record<string, number> = {};
    const api = {
      get: (path: string, _ms: number, _signal: AbortSignal, accept = "") => {
        gets.push(path);
        const [start = "", pages = []] = Object.entries(lists).find(([one]) => path.startsWith(one)) ?? [];
        if (start === PODS && !accept.includes("PartialObjectMetadataList")) throw new Error("whole pods");
        const index = Number(new URL(path, "http://a").searchParams.get("continue") ?? 0);
        const metadata = index + 1 < pages.length ? { continue: String(index + 1) } : {};
        return Promise.resolve({ metadata, items: pages[index] ?? null });
      },
      patch: (path: string, changes: object) => {
        const { status } = changes as { status: { podsUsing: number } };
        counts[path.slice(GRANTS.length + 1, -"/status".length)] = status.podsUsing;
        return Promise.resolve();
      },
    };
    await updateGrants({ api, now: () => NOW }, never);
    return { gets, counts };
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
    const settled = grant("a", undefined, statusOf(grant("a"), 0, NOW - 60_000));
    expect((await round({ [GRANTS]: [[settled]] })).counts).toEqual({});
  });

  test("succeeds without the CRD, and when a grant is deleted meanwhile", async () => {
    const absent = { get: () => Promise.reject(new Refusal(404, "")), patch: () => Promise.resolve() };
    await updateGrants({ api: absent, now: () => NOW }, never);
    const deleted = {
      get: () => Promise.resolve({ items: [grant("a")] }),
      patch: () => Promise.reject(new Refusal(404, "")),
    };
    await updateGrants({ api: deleted, now: () => NOW }, never);
    const refused = { ...absent, get: () => Promise.reject(new Refusal(403, "")) };
    await expect(updateGrants({ api: refused, now: () => NOW }, never)).rejects.toMatchObject({
      status: 403,
    });
  });

  test("reads a list in smaller and smaller pages when a page is too long", async () => {
    const gets: string[] = [];
    const counts: object[] = [];
    const api = {
      get: async (path: string) => {
        if (path.startsWith(GRANTS)) return { items: [grant("a")] };
        const query = new URL(path, "http://a").searchParams;
        gets.push(`${query.get("limit")} ${query.get("resourceVersion")} ${query.get("continue")}`);
        if (Number(query.get("limit")) > 100) throw new AnswerTooLong();
        return { metadata: query.has("continue") ? {} : { continue: "1" }, items: [pod("a")] };
      },
      patch: async (_path: string, changes: object) => void counts.push(changes),
    };
    await updateGrants({ api, now: () => NOW }, never);
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
    await expect(updateGrants({ api, now: () => NOW }, never)).rejects.toMatchObject({
      said: "a is invalid",
    });
    expect(written).toEqual([`${GRANTS}/a/status`, `${GRANTS}/b/status`]);
  });

  test("does not list pods when there are no grants", async () => {
    expect((await round({ [GRANTS]: [[]] })).gets).toHaveLength(1);
  });
});
