import { describe, expect, test } from "vitest";
import type { NamespaceFacts } from "../../../injector/model/facts.ts";
import { grantIndex, readGrant } from "../../../injector/cluster/grant-index.ts";
import { globOf } from "../../../injector/model/glob.ts";

const namespace = (name: string, labels = {}): NamespaceFacts => ({ name, labels, annotations: {} });
const reading = (name: string, spec: object) => readGrant({ metadata: { name }, spec });

describe("the grants of a namespace", () => {
  const index = grantIndex([
    reading("z-by-glob", { namespaces: ["sh*"] }),
    reading("m-by-label", { namespaceSelector: { matchLabels: { team: "a" } } }),
    reading("a-one-account", { namespaces: ["shop"], serviceAccounts: ["billing"] }),
    reading("elsewhere", { namespaces: ["till"] }),
  ]);
  const names = (of: NamespaceFacts) => index.covering(of).map(({ name }) => name);

  test("are those that cover it, in the order of their names, for any service account", () => {
    expect(names(namespace("shop"))).toEqual(["a-one-account", "z-by-glob"]);
    expect(names(namespace("shed", { team: "a" }))).toEqual(["m-by-label", "z-by-glob"]);
    expect(names(namespace("cellar"))).toEqual([]);
  });

  test("keep a grant's rules for service accounts", () => {
    expect(index.covering(namespace("shop"))[0]).toMatchObject({ serviceAccounts: [globOf("billing")] });
  });

  test("are searched once while the namespace stays the same, and again when it changes", () => {
    const shop = namespace("shop");
    expect(index.covering(shop)).toBe(index.covering(shop));
    expect(index.covering(namespace("shop", { team: "a" }))).toHaveLength(3);
  });
});

describe("a grant that cannot be read", () => {
  const codeFor = (spec: object, of = namespace("shop", { team: "a" })): unknown => {
    try {
      return grantIndex([reading("broken", spec)]).covering(of);
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };
  const broken = { effect: "deny" };

  test("blocks no decision in a namespace that it cannot cover", () => {
    expect(codeFor({ ...broken, namespaces: ["till"] })).toEqual([]);
    expect(codeFor({ ...broken, namespaceSelector: { matchLabels: { team: "b" } } })).toEqual([]);
  });

  test("blocks decisions in each namespace that it could cover, for every other error in it", () => {
    expect(codeFor({ ...broken, namespaces: ["s*"] })).toBe("GRANT_INVALID");
    expect(codeFor({ ...broken, namespaceSelector: { matchLabels: { team: "a" } } })).toBe("GRANT_INVALID");
    expect(codeFor({ namespaces: ["s*"], serviceAccounts: [1] })).toBe("GRANT_INVALID");
    expect(codeFor({ namespaces: ["s*"], default: "root" })).toBe("GRANT_INVALID");
  });

  test("blocks all decisions when half of its scope cannot be read", () => {
    expect(codeFor({ namespaces: ["till"], namespaceSelector: "team=a" })).toBe("GRANT_INVALID");
    expect(codeFor({ namespaces: ["till", 7] })).toBe("GRANT_INVALID");
  });

  test("is read without an exception", () => {
    for (const object of [{}, { spec: null }, { metadata: { name: "x" }, spec: [] }])
      expect(readGrant(object)).toMatchObject({ kind: "unreadable", scope: undefined });
  });
});
