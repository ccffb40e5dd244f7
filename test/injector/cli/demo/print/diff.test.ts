import { describe, expect, test } from "vitest";
import { diffObjects } from "../../../../../injector/cli/demo/print/diff.ts";
import type { Fields } from "../../../../../injector/model/read.ts";

const shown = (before: Fields, after: Fields, seen = new Map<string, { object: Fields; where: string }>()) =>
  diffObjects(before, after, seen).map(({ sign, text }) => `${sign === "…" ? " " : sign} ${text}`);

const guard = { name: "guard", image: "g", command: ["guard"] };

describe("a diff", () => {
  test("of equal objects is empty", () => {
    expect(shown({ a: [1] }, { a: [1] })).toEqual([]);
  });

  test("shows what is added below what it is added to", () => {
    const before = { metadata: { name: "p", annotations: { a: "1" } }, spec: { x: 1 } };
    const after = { ...before, metadata: { ...before.metadata, annotations: { a: "1", b: "2" } } };
    expect(shown(before, after)).toEqual([
      "  metadata:",
      "    name: p",
      "    annotations:",
      '      a: "1"',
      '+     b: "2"',
    ]);
  });

  test("reads a container put first as one addition", () => {
    const app = { name: "app", image: "a", command: ["guard"] };
    expect(shown({ initContainers: [app] }, { initContainers: [guard, app] })).toEqual([
      "  initContainers:",
      "+   - name: guard",
      "+     image: g",
      "+     command:",
      "+       - guard",
      "    …",
    ]);
  });

  test("finds a changed container by its name, wherever it stands, and says which it is", () => {
    const app = { image: "a", args: ["1", "2"], name: "app" };
    const after = { containers: [guard, { ...app, env: [{ name: "A", value: "x" }] }] };
    expect(shown({ containers: [app, guard] }, after)).toEqual([
      "  containers:",
      "    …",
      "    - name: app",
      "      image: a",
      "      …",
      "+     env:",
      "+       - name: A",
      "+         value: x",
    ]);
  });

  test("shows a value that is replaced before the one that replaces it, and what is taken away", () => {
    expect(shown({ a: 1, b: 2, c: [1, 2] }, { a: 3, c: [2] })).toEqual([
      "- b: 2",
      "- a: 1",
      "+ a: 3",
      "  c:",
      "-   - 1",
      "    - 2",
    ]);
  });

  test("shows of a container that was seen before only where it differs", () => {
    const seen = new Map([["guard", { object: guard, where: "one.yaml" }]]);
    expect(shown({}, { initContainers: [guard] }, seen)).toEqual([
      "+ initContainers:",
      "+   - name: guard  # … as in one.yaml",
      "+     image: g",
    ]);
    expect(shown({}, { initContainers: [{ ...guard, args: ["x"] }] }, seen).slice(1)).toEqual([
      "+   - name: guard  # … as in one.yaml",
      "+     image: g",
      "+     …",
      "+     args:",
      "+       - x",
    ]);
  });
});
