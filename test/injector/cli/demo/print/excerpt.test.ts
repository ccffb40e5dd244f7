import { describe, expect, test } from "vitest";
import { diffObjects } from "../../../../../injector/cli/demo/print/diff.ts";
import { excerptOf } from "../../../../../injector/cli/demo/print/excerpt.ts";

const FULL_URI = { name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", value: "http://127.0.0.1:1/v1/credentials" };
const REGION = { name: "AWS_REGION", value: "eu-west-1" };
const own = (name: string) => ({ name, image: "podrole/sidecar", env: [REGION] });
const app = { name: "app", image: "app:1" };
const guard = own("podrole-guard");
const sidecar = own("podrole-sidecar");

const excerpt = (before: object, after: object): readonly string[] =>
  excerptOf(diffObjects({ spec: before }, { spec: after })).map(
    ({ sign, text, comment }) => `${sign} ${text}${comment === undefined ? "" : ` # ${comment}`}`,
  );

describe("the excerpt of a patch", () => {
  test("shows guard, sidecar and where an SDK looks, each with what it is in", () => {
    const after = {
      initContainers: [guard, sidecar],
      containers: [{ ...app, env: [REGION, FULL_URI] }],
      volumes: [{ name: "podrole-token" }],
    };
    expect(excerpt({ containers: [app], volumes: [] }, after)).toEqual([
      "+   initContainers:",
      "+     - name: podrole-guard # blocks the node's metadata service",
      "+     - name: podrole-sidecar # holds the pod's credentials",
      "    containers:",
      "      - name: app",
      "+       env:",
      "+         - name: AWS_CONTAINER_CREDENTIALS_FULL_URI # where every AWS SDK looks",
      "+           value: http://127.0.0.1:1/v1/credentials",
    ]);
  });

  test("takes a container rather than an init container, and the first of several", () => {
    const given = { ...app, env: [FULL_URI] };
    const before = { initContainers: [{ ...app, name: "first" }], containers: [app, { ...app, name: "b" }] };
    const after = {
      initContainers: [sidecar, { ...given, name: "first" }],
      containers: [given, { ...given, name: "b" }],
    };
    const lines = excerpt(before, after);
    expect(lines).toContain("      - name: app");
    expect(lines.filter((line) => line.includes("FULL_URI"))).toHaveLength(1);
    expect(lines.join("\n")).not.toContain("first");
  });

  test("is empty where nothing of it was added", () => {
    expect(excerpt({ containers: [app] }, { containers: [{ ...app, env: [REGION] }] })).toEqual([]);
  });
});
