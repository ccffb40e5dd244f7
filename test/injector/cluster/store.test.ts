import { describe, expect, test } from "vitest";
import type { Fields } from "../../../injector/model/read.ts";
import { store, type Store } from "../../../injector/cluster/store.ts";

interface Kept {
  readonly color: unknown;
}

const object = (name: string, color: string, more = {}): Fields => ({ metadata: { name }, color, ...more });
const empty = (): { readonly held: Store<Kept>; readonly changes: unknown[] } => {
  const changes: unknown[] = [];
  const cut = (one: Fields): Kept => ({ color: one["color"] });
  return { held: store(cut, ({ color }) => void changes.push(color)), changes };
};

describe("a store", () => {
  test("keeps the part of an object that `cut` returns, by namespace and name", () => {
    const { held } = empty();
    held.put(object("a", "red", { spec: "large" }));
    held.put({ metadata: { name: "a", namespace: "shop" }, color: "blue" });
    expect([held.get("a"), held.get("shop/a"), held.get("b")]).toEqual([
      { color: "red" },
      { color: "blue" },
      undefined,
    ]);
    expect(held.size()).toBe(2);
  });

  test("keeps value and version when only parts change that it does not keep", () => {
    const { held, changes } = empty();
    held.put(object("a", "red"));
    const [value, version] = [held.get("a"), held.version()];
    held.put(object("a", "red", { status: "other" }));
    const listed = held.replacement();
    listed.add(object("a", "red"));
    listed.commit();
    expect(held.get("a")).toBe(value);
    expect(held.version()).toBe(version);
    held.put(object("a", "blue"));
    expect(held.version()).not.toBe(version);
    expect(changes).toEqual(["red", "blue"]);
  });

  test("changes its version when an object is removed, but not when the object did not exist", () => {
    const { held } = empty();
    held.put(object("a", "red"));
    const version = held.version();
    held.remove(object("b", "red"));
    expect(held.version()).toBe(version);
    held.remove(object("a", "red"));
    expect([...held.values()]).toEqual([]);
    expect(held.version()).not.toBe(version);
  });

  test("changes nothing until a replacement is committed, and then holds only the replacement", () => {
    const { held, changes } = empty();
    held.put(object("a", "red"));
    held.put(object("b", "red"));
    const version = held.version();
    const listed = held.replacement();
    listed.add(object("b", "blue"));
    listed.add(object("c", "red"));
    expect([...held.values()]).toEqual([{ color: "red" }, { color: "red" }]);
    expect(held.version()).toBe(version);
    expect(changes).toEqual(["red", "red"]);
    listed.commit();
    expect([held.get("a"), held.get("b"), held.get("c")]).toEqual([
      undefined,
      { color: "blue" },
      { color: "red" },
    ]);
    expect(held.version()).not.toBe(version);
  });

  test("treats __proto__ as a name like any other", () => {
    const { held } = empty();
    expect(held.get("__proto__")).toBeUndefined();
    held.put(object("__proto__", "red"));
    expect(held.get("__proto__")).toEqual({ color: "red" });
  });
});
