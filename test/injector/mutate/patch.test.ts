import { describe, expect, test } from "vitest";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { applied, intrusions, withoutAdditions } from "../../support/additions.ts";
import { json } from "../../support/facts.ts";
import { app, injected, pod } from "../../support/pods.ts";

const paths = (before: Pod, after: Pod = injected(before)) =>
  patchBetween(before, after).map(({ op, path }) => `${op} ${path}`);

describe("the patch", () => {
  test("of a pod without init containers adds the list", () => {
    for (const one of [pod(), pod({ initContainers: [] })]) {
      expect(paths(one)).toContain("add /spec/initContainers");
    }
  });

  test("of a pod with init containers inserts guard and sidecar by one operation each, and names no user container", () => {
    const one = pod({
      initContainers: [
        { name: "setup", image: "a" },
        { name: "more", image: "b" },
      ],
    });
    const made = paths(one);
    expect(made.slice(0, 2)).toEqual(["add /spec/initContainers/0", "add /spec/initContainers/1"]);
    expect(made.filter((path) => /(?:replace|remove|\/name|\/image)/.test(path))).toEqual([]);
  });

  test("of equal pods is empty", () => {
    expect(patchBetween(pod(), pod())).toEqual([]);
    expect(paths(injected(pod()), injected(injected(pod())))).not.toContain("replace /spec/containers");
  });

  test("that moves guard and sidecar to the front removes no other container", () => {
    const first = injected(pod({ initContainers: [{ name: "setup" }] }));
    const [guard, sidecar, setup] = first.spec.initContainers ?? [];
    if (!guard || !sidecar || !setup) throw new Error("not injected");
    for (const initContainers of [
      [setup, guard, sidecar],
      [guard, setup, sidecar],
      [sidecar, guard, setup],
      [sidecar, setup],
      [setup, guard],
    ]) {
      const before: Pod = { ...first, spec: { ...first.spec, initContainers } };
      const patch = patchBetween(before, injected(before));
      expect(intrusions(before, patch)).toEqual([]);
      const after = applied(before, patch);
      expect(after).toEqual(injected(before));
      expect(after.spec.initContainers?.map(({ name }) => name)).toEqual([
        CONTAINER.guard,
        CONTAINER.sidecar,
        "setup",
      ]);
      expect(withoutAdditions(before, injected(before))).toBe(JSON.stringify(before));
    }
  });

  test("addresses keys with slashes, tildes and names of prototypes", () => {
    const one = json(
      '{"metadata":{"annotations":{"a/b~c":"1","__proto__":"2","constructor":"3"}},"spec":{"containers":[{"name":"app","env":[{"name":"__proto__","value":"x"}]}]}}',
    ) as unknown as Pod;
    expect(applied(one, patchBetween(one, injected(one)))).toEqual(injected(one));
    expect(withoutAdditions(one, injected(one))).toBe(JSON.stringify(one));
    expect({}).not.toHaveProperty("x");
  });

  test("does not change deeply nested fields", () => {
    let nested: unknown = 1;
    for (let level = 0; level < 5000; level++) nested = [nested];
    const deep = pod({ containers: [{ ...app, nested }] });
    expect(patchBetween(deep, injected(deep))).toEqual(patchBetween(pod(), injected(pod())));
  });
});
