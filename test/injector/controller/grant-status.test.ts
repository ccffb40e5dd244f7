import { describe, expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { statusOf, updateGrants } from "../../../injector/controller/grant-status.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { handClock } from "../../support/hand-clock.ts";

const NOW = Date.parse("2026-11-21T06:00:00Z");
const LATER = NOW + 3_600_000;
const grant = (name: string, spec: object = { roles: ["*"], namespaces: ["shop"] }, status?: object) => ({
  metadata: { name, generation: 3 },
  spec,
  ...(status ? { status } : {}),
});
const pod = (rule: string) => ({
  metadata: { annotations: { [ANNOTATION.status]: JSON.stringify({ rule }) } },
});

describe("the status of a grant", () => {
  test("says that podrole can read it, since when, and how many pods use it", () => {
    expect(statusOf(grant("g"), 2, NOW)).toEqual({
      conditions: [
        {
          type: "Valid",
          status: "True",
          reason: "Readable",
          message: "podrole goes by this grant.",
          observedGeneration: 3,
          lastTransitionTime: "2026-11-21T06:00:00Z",
        },
      ],
      podsUsing: 2,
    });
  });

  test("says why podrole cannot read it, and what comes of that", () => {
    const { conditions } = statusOf(grant("g", { namespaces: ["a"], effect: "Maybe" }), 0, NOW) as {
      conditions: [{ status: string; message: string }];
    };
    expect(conditions[0]).toMatchObject({ status: "False", reason: "Unreadable" });
    expect(conditions[0].message).toContain("spec.effect is neither Allow nor Deny");
    expect(conditions[0].message).toContain("pods it may be about are refused");
  });

  test("keeps the time of its last change, so that a second look changes nothing", () => {
    const first = statusOf(grant("g"), 2, NOW);
    expect(statusOf(grant("g", undefined, first), 2, LATER)).toEqual(first);
    const broken = statusOf(grant("g", { effect: "x" }, first), 2, LATER);
    expect(broken).toMatchObject({ conditions: [{ lastTransitionTime: "2026-11-21T07:00:00Z" }] });
  });
});

describe("a round of the grants", () => {
  interface Asked {
    readonly gets: string[];
    readonly patches: { path: string; changes: object }[];
  }

  async function round(answers: Readonly<Record<string, object>>): Promise<Asked> {
    const asked: Asked = { gets: [], patches: [] };
    const api = {
      get: (path: string) => {
        asked.gets.push(path);
        const found = Object.entries(answers).find(([start]) => path.startsWith(start));
        return found ? Promise.resolve(found[1]) : Promise.reject(new Error(`unexpected: ${path}`));
      },
      patch: (path: string, changes: object) => {
        asked.patches.push({ path, changes });
        return Promise.resolve();
      },
    };
    const clock = { ...handClock(NOW), sleep: () => Promise.resolve() };
    const log = undefined as never;
    await updateGrants({ api, clock, log }, new AbortController().signal);
    return asked;
  }

  const list = (...items: object[]) => ({ metadata: {}, items });
  const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";

  test("counts the pods that say they use a grant, in labelled namespaces only", async () => {
    const { gets, patches } = await round({
      [GRANTS]: list(grant("a"), grant("b")),
      "/api/v1/namespaces?labelSelector=podrole.dev%2Finject%3Denabled": list({ metadata: { name: "shop" } }),
      "/api/v1/namespaces/shop/pods": list(pod("RoleGrant a"), pod("RoleGrant a"), pod("other"), {
        metadata: {},
      }),
    });
    expect(patches.map(({ path, changes }) => [path, (changes as { status: object }).status])).toMatchObject([
      [`${GRANTS}/a/status`, { podsUsing: 2 }],
      [`${GRANTS}/b/status`, { podsUsing: 0 }],
    ]);
    expect(gets.filter((path) => path.includes("/pods"))).toHaveLength(1);
  });

  test("writes nothing where nothing has changed", async () => {
    const settled = grant("a", undefined, statusOf(grant("a"), 0, NOW - 60_000));
    const { patches } = await round({ [GRANTS]: list(settled), "/api/v1/namespaces": list() });
    expect(patches).toEqual([]);
  });

  test("is no trouble without the CRD, which is an installation's choice", async () => {
    const api = { get: () => Promise.reject(new Refusal(404, "")), patch: () => Promise.resolve() };
    const clock = { ...handClock(NOW), sleep: () => Promise.resolve() };
    await updateGrants({ api, clock, log: undefined as never }, new AbortController().signal);
    const refused = { ...api, get: () => Promise.reject(new Refusal(403, "")) };
    const asked = updateGrants(
      { api: refused, clock, log: undefined as never },
      new AbortController().signal,
    );
    await expect(asked).rejects.toMatchObject({ status: 403 });
  });

  test("asks for no pods where there are no grants", async () => {
    expect((await round({ [GRANTS]: list() })).gets).toHaveLength(1);
  });

  test("does not stumble over a status annotation that somebody made up", async () => {
    const odd = ["{", "7", "null", '{"rule":7}', '{"rule":"RoleGrant a b"}'].map((text) => ({
      metadata: { annotations: { [ANNOTATION.status]: text } },
    }));
    const { patches } = await round({
      [GRANTS]: list(grant("a")),
      "/api/v1/namespaces?": list({ metadata: { name: "shop" } }),
      "/api/v1/namespaces/shop/pods": list(...odd),
    });
    expect(patches).toMatchObject([{ changes: { status: { podsUsing: 0 } } }]);
  });
});
