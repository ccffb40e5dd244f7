import { rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { inject, type InjectDeps } from "../../../../injector/cli/inject/command.ts";
import { parseJsonObject, toJson } from "../../../../injector/cli/input/json.ts";
import { parseManifests } from "../../../../injector/cli/input/manifests.ts";
import { toYaml } from "../../../../injector/cli/input/yaml-text.ts";
import { manifestCluster } from "../../../../injector/cluster/manifest-cluster.ts";
import { placeholders } from "../../../../injector/mutate/fresh.ts";
import { NAMESPACE_LABEL } from "../../../../sidecar/contract/annotations.ts";
import { config } from "../../../support/config.ts";
import { buildUpstream, type Upstream } from "./upstream.ts";
import { CASES, IN_MANY_PLACES, SCALARS, WITH_TEXTS } from "./yaml-cases.ts";

let folder = "";
let built: Upstream | string = "not built";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "podrole-"));
  built = await buildUpstream(folder);
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function upstream({ skip }: TestContext): Upstream {
  if (typeof built === "string") return skip(`Kubernetes' parser cannot be built: ${built}`);
  return built;
}

const DEPS: InjectDeps = {
  config: config(),
  cluster: manifestCluster([], {
    labels: { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value },
    annotations: {},
  }),
  namespace: "default",
  fresh: placeholders,
};

/** The value as JSON has it, with all digits: 0 and -0 are the same. */
const exact = (json: string): unknown => parseJsonObject(toJson(parseJsonObject(`{"value": ${json}}`)));

/** Undefined if podrole refuses the text. */
function readByPodrole(text: string): readonly unknown[] | undefined {
  try {
    const values = parseManifests(text, "input").map(({ value }) => value);
    return values.filter((value) => value !== null).map((value) => exact(toJson(value)));
  } catch {
    return undefined;
  }
}

/** A pod with this text in a field that podrole does not know, once as a value and once as a key. */
const podWith = (scalar: string): string =>
  [
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:",
    '    iam.amazonaws.com/role: "arn:aws:iam::111122223333:role/r"',
    `spec:\n  containers:\n    - name: app\n      odd:\n        value: ${scalar.replaceAll("\n", "\n          ")}`,
    ...(scalar.includes("\n") ? [] : [`        ? ${scalar}`, `        : [${JSON.stringify(scalar)}]`]),
    "",
  ].join("\n");

describe("Kubernetes' own parser", () => {
  test("gives the answers that are kept beside this test", async (context) => {
    const answers = await upstream(context)(CASES);
    const lines = CASES.map((text, index) => JSON.stringify([text, answers[index]]));
    await expect(`[\n${lines.join(",\n")}\n]\n`).toMatchFileSnapshot("golden/upstream-answers.json");
  });

  test("reads nothing else in a text that podrole reads as well, wherever a scalar stands in it", async (context) => {
    const answers = await upstream(context)(IN_MANY_PLACES);
    const both = IN_MANY_PLACES.flatMap((text, index) => {
      const [theirs, ours] = [answers[index], readByPodrole(text)];
      return theirs == null || ours === undefined ? [] : [{ text, theirs: theirs.map(exact), ours }];
    });
    expect(both.filter(({ theirs, ours }) => !isDeepStrictEqual(theirs, ours))).toEqual([]);
    expect(both.length).toBeGreaterThan(IN_MANY_PLACES.length / 2);
  });

  test("reads in the output of inject what it reads in the input, but for guard and sidecar", async (context) => {
    const read = upstream(context);
    const inputs = SCALARS.map(podWith);
    const before = await read(inputs);
    const readable = inputs.flatMap((text, index) => {
      const [json] = before[index] ?? [];
      return json === undefined ? [] : [{ text, object: parseJsonObject(json) }];
    });
    expect(readable.length).toBeGreaterThan(200);
    const runs = await Promise.all(readable.map(({ text }) => inject(parseManifests(text, "pod"), DEPS)));
    const after = await read(runs.map(({ documents }) => documents.map(({ text }) => text).join("")));
    const expected = await Promise.all(
      readable.map(({ object }) => inject([{ value: object, text: "" }], DEPS)),
    );
    const inputAnd = (objects: readonly unknown[]) =>
      objects.map((object, index) => ({ input: readable[index]?.text, object }));
    expect(inputAnd(after.map((jsons) => exact(jsons?.[0] ?? "")))).toEqual(
      inputAnd(expected.map(({ documents }) => exact(toJson(documents[0]?.value)))),
    );
    expect(after.filter((jsons) => jsons?.[0]?.includes("podrole-guard"))).toHaveLength(readable.length);
  });

  test("reads the same object in what is written as YAML, whatever its texts look like", async (context) => {
    const [documents] = await upstream(context)([toYaml(WITH_TEXTS)]);
    expect(documents?.map(exact)).toEqual([exact(toJson(WITH_TEXTS))]);
  });
});
