import { array, assert, constantFrom, property, record, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { pageHtml } from "../../../../injector/cli/roles/html/page.ts";
import { escaped, markup } from "../../../../injector/cli/roles/html/markup.ts";
import { roleUses, standouts } from "../../../../injector/cli/roles/html/standouts.ts";
import { compared, matches, NO_FILTER, wordsIn } from "../../../../injector/cli/roles/page/filter.ts";
import { graphOf, type Edge } from "../../../../injector/cli/roles/page/graph.ts";
import { cut, layoutOf, BOX_HEIGHT } from "../../../../injector/cli/roles/page/layout.ts";
import {
  injectedPod,
  largeCluster,
  namespace as namespaceObject,
  roleGrant,
  smallCluster,
} from "../../../support/role-cluster.ts";
import { reportOf } from "../../../support/role-report.ts";
import { HOSTILE, hostileReport } from "./hostile.ts";

const ASSETS = { script: "(()=>{})()", style: "p{}" };

describe("the page", () => {
  test("escapes whatever it is filled with, in elements and in attributes", () => {
    const all = string({ unit: "grapheme" });
    assert(
      property(all, (text) => {
        const made = markup`<a title="${text}">${text}</a>`.text;
        expect(made).toMatch(/^<a title="[^"<>]*">[^<>]*<\/a>$/);
        expect(made).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#39;)/);
      }),
    );
    expect(escaped("a\u202eb\u0000\ud800")).toBe("a b \ufffd");
  });

  test("has no element that its own code did not write", () => {
    const text = pageHtml(hostileReport(), ASSETS);
    expect(text.match(/<script/g)).toHaveLength(1);
    expect(text.match(/<img|<iframe|<svg/g)).toBeNull();
    expect(text.match(/\son\w+=[^&]*(?=>)/g)).toBeNull();
    for (const one of HOSTILE.shown) expect(text).toContain(escaped(one));
  });

  test("allows by its policy only the script and the style that it has, by their hash", () => {
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(
      pageHtml(reportOf(smallCluster()), ASSETS),
    )?.[1];
    expect(policy?.split("; ")).toEqual([
      "default-src 'none'",
      expect.stringMatching(/^script-src 'sha256-[\w+/]{43}='$/),
      expect.stringMatching(/^style-src 'sha256-[\w+/]{43}='$/),
      "base-uri 'none'",
      "form-action 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
  });

  test("leaves out the account of roles where all are of one, and only there", () => {
    const report = reportOf(smallCluster());
    const [row] = report.rows;
    if (row === undefined) throw new Error("no row");
    const other = { ...row, role: "arn:aws:iam::444455556666:role/other" as typeof row.role };
    expect(pageHtml(report, ASSETS)).toContain('<body class="one-account">');
    expect(pageHtml({ ...report, rows: [row, other] }, ASSETS)).toContain('<body class="">');
  });
});

describe("what stands out", () => {
  test("is no role that a part of the cluster does not use, since another part may", () => {
    const report = reportOf([...smallCluster(), roleGrant("old", { roles: ["old"], namespaces: ["shop"] })]);
    const ids = (over: object) => {
      const part = { ...report, ...over };
      return standouts(part, roleUses(part)).map(({ id }) => id);
    };
    expect(ids({})).toContain("idle");
    expect(ids({ namespace: "shop" })).not.toContain("idle");
    expect(ids({ chosen: { serviceAccount: ["web"] } })).not.toContain("idle");
  });

  test("is no role that pods of namespaces without the label say they have", () => {
    const wild = ["a", "b", "c"].flatMap((space) => [
      namespaceObject(space, {}),
      injectedPod({ space, name: "forged", account: "web", role: "till-reader", by: "tills" }),
    ]);
    const report = reportOf([...smallCluster(), ...wild]);
    expect(roleUses(report)).toContainEqual(
      expect.objectContaining({ namespaces: ["shop"], pods: 1, note: "" }),
    );
    expect(standouts(report, roleUses(report)).map(({ id, count }) => [id, count])).toEqual([
      ["gone", 1],
      ["unknown", 3],
      ["plain", 1],
    ]);
  });

  const of = (report: Parameters<typeof standouts>[0]) =>
    standouts(report, roleUses(report)).map(({ id, count, what }) => [id, count, what]);

  test("is the worst first, and nothing that is not there", () => {
    expect(of(reportOf(smallCluster()))).toEqual([
      ["gone", 1, "pod whose rule is gone"],
      ["plain", 1, "pod without a role"],
    ]);
    expect(of(reportOf(largeCluster(700))).map(([id, count]) => [id, count])).toEqual([
      ["gone", 1],
      ["refused", 2],
      ["unguarded", 1],
      ["shared", 1],
      ["plain", 67],
    ]);
    expect(of({ ...reportOf([]), rows: [], plain: [] })).toEqual([]);
  });

  test("counts pods without a guard with a role and without, and leads to a table that has them", () => {
    const report = reportOf(smallCluster());
    const off = <T extends object>(one: T): T => ({ ...one, guard: "off" });
    const unguarded = (over: object) => {
      const part = { ...report, ...over };
      return standouts(part, roleUses(part)).find(({ id }) => id === "unguarded");
    };
    expect(unguarded({})).toBeUndefined();
    const [rows, plain] = [report.rows.map(off), report.plain.map(off)];
    expect(unguarded({ rows: [...rows, ...rows], plain })).toMatchObject({ count: 3, table: "plain" });
    expect(unguarded({ rows })).toMatchObject({ count: 2, table: "pods", word: "no guard" });
    const page = pageHtml({ ...report, rows }, ASSETS);
    expect(page.match(/<span class="state gone">no guard<\/span>/g)).toHaveLength(2);
  });

  test("has roles that a rule names and nobody uses", () => {
    const report = reportOf([
      ...smallCluster(),
      roleGrant("old", { roles: ["old-backup"], namespaces: ["shop"] }),
    ]);
    const idle = roleUses(report).filter(({ note }) => note === "idle");
    expect(idle).toMatchObject([{ role: "arn:aws:iam::111122223333:role/old-backup", pods: 0, mayIn: 1 }]);
    expect(of(report)).toContainEqual(["idle", 1, "role that nobody uses"]);
  });
});

const edge = (namespace: string, account: string, role: string, state = "fine"): Edge => ({
  namespace,
  account,
  role: `arn:aws:iam::1:role/${role}`,
  state,
});

describe("the picture", () => {
  test("has a box for each namespace, service account and role, with the worst state of its pods", () => {
    const { nodes, links, isShort } = graphOf(
      [edge("shop", "till", "a"), edge("shop", "till", "a", "gone"), edge("shop", "web", "b", "changed")],
      30,
    );
    expect(nodes.map(({ id, pods, state }) => [id, pods, state])).toEqual([
      ["n/shop", 3, "gone"],
      ["a/shop/till", 2, "gone"],
      ["a/shop/web", 1, "changed"],
      ["r/arn:aws:iam::1:role/a", 2, "gone"],
      ["r/arn:aws:iam::1:role/b", 1, "changed"],
    ]);
    expect(links.map(({ from, to, pods }) => [from, to, pods])).toEqual([
      ["n/shop", "a/shop/till", 2],
      ["a/shop/till", "r/arn:aws:iam::1:role/a", 2],
      ["n/shop", "a/shop/web", 1],
      ["a/shop/web", "r/arn:aws:iam::1:role/b", 1],
    ]);
    expect(isShort).toBe(false);
  });

  test("keeps the worst and the most shared by themselves where there are too many, and every pod in some box", () => {
    const some = array(
      record({
        namespace: constantFrom("a", "b", "c", "d", "e", "f"),
        account: constantFrom("x", "y", "z"),
        role: constantFrom("r1", "r2", "r3", "r4", "r5", "r6", "r7"),
        state: constantFrom("fine", "changed", "gone", "refused", "unknown"),
      }),
      { minLength: 1 },
    );
    assert(
      property(some, (edges) => {
        const { nodes, links } = graphOf(edges, 4);
        for (const column of [0, 1, 2]) {
          const of = nodes.filter((one) => one.column === column);
          expect(of.length).toBeLessThanOrEqual(4);
          expect(of.reduce((sum, { pods }) => sum + pods, 0)).toBe(edges.length);
        }
        const ids = new Set(nodes.map(({ id }) => id));
        expect(ids.size).toBe(nodes.length);
        expect(links.every(({ from, to }) => ids.has(from) && ids.has(to))).toBe(true);
        expect(links.reduce((sum, { pods }) => sum + pods, 0)).toBe(2 * edges.length);
      }),
    );
    const many = Array.from({ length: 50 }, (_, n) =>
      edge(`n${n}`, "x", `r${n}`, n === 31 ? "gone" : "fine"),
    );
    const { nodes } = graphOf([...many, ...many.map(({ namespace }) => edge(namespace, "x", "shared"))], 5);
    const roles = nodes.filter(({ column }) => column === 2).map(({ label }) => label);
    expect(roles).toEqual(expect.arrayContaining(["r31", "shared", "47 more roles"]));
    expect(roles[0]).toBe("shared");
  });

  test("lays no box on another one, and none outside", () => {
    const edges = Array.from({ length: 60 }, (_, n) => edge(`n${n % 7}`, `a${n % 23}`, `r${n % 41}`));
    const layout = layoutOf(graphOf(edges, 100), 900);
    for (const { node, x, y } of layout.boxes) {
      expect(x + layout.boxWidth).toBeLessThanOrEqual(900.01);
      expect(y + BOX_HEIGHT).toBeLessThanOrEqual(layout.height);
      const near = layout.boxes.filter(
        (one) => one.node.column === node.column && Math.abs(one.y - y) < BOX_HEIGHT,
      );
      expect(near).toHaveLength(1);
    }
  });

  test("cuts the middle out of a long name", () => {
    expect([cut("short", 8), cut("production-billing", 9), cut("\u{1F600}".repeat(9), 3)]).toEqual([
      "short",
      "prod\u2026ling",
      "\u{1F600}\u2026\u{1F600}",
    ]);
  });
});

describe("the filter", () => {
  const row = { text: "shop till rule gone", state: "gone", cells: { namespace: "shop", account: "till" } };

  test("wants every word, in any case, and the state", () => {
    const by = (text: string, state = "") => matches({ words: wordsIn(text), state }, row);
    expect([by(""), by(" GONE shop "), by("shop web"), by("", "gone"), by("", "fine")]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
  });

  test("wants what was picked, of tables that have a column for it", () => {
    const by = (picked: object) => matches({ ...NO_FILTER, ...picked }, row);
    expect([
      by({ account: "shop/till" }),
      by({ account: "mall/till" }),
      by({ role: "any" }),
      by({ namespace: "s" }),
    ]).toEqual([true, false, true, false]);
  });

  test("sorts numbers by their value, texts as people count, and nothing last", () => {
    const sorted = (all: readonly string[], isNumber: boolean) =>
      all.toSorted((a, b) => compared(a, b, isNumber));
    expect(sorted(["10", "", "9"], true)).toEqual(["9", "10", ""]);
    expect(sorted(["web-10", "web-9", "API", ""], false)).toEqual(["API", "web-9", "web-10", ""]);
  });
});
