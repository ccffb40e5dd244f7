import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseJsonObject, toJson } from "../../../../injector/cli/input/json.ts";
import { parseManifests } from "../../../../injector/cli/input/manifests.ts";
import { toYaml } from "../../../../injector/cli/input/yaml-text.ts";
import { CASES, WITH_TEXTS } from "./yaml-cases.ts";

/** What Kubernetes' own parser answers; upstream.process.test.ts holds that it does. */
const ANSWERS = JSON.parse(
  readFileSync(new URL("golden/upstream-answers.json", import.meta.url), "utf8"),
) as readonly (readonly [text: string, documents: readonly string[] | null])[];

/** The documents that are not empty, as JSON has them: with no difference between 0 and -0, or int and float. */
const values = (text: string): readonly unknown[] =>
  parseManifests(text, "input")
    .map(({ value }) => value)
    .filter((value) => value !== null)
    .map((value) => exactValue(toJson(value)));

const exactValue = (json: string): unknown => parseJsonObject(toJson(parseJsonObject(`{"value": ${json}}`)));

describe("a stream of manifests", () => {
  test("is held against an answer of Kubernetes' parser in every case", () => {
    expect(ANSWERS.map(([text]) => text)).toEqual(CASES);
  });

  test.for(ANSWERS.filter(([, documents]) => documents !== null))(
    "is read as Kubernetes reads it: %j",
    ([text, documents]) => {
      expect(values(text)).toEqual(documents?.map(exactValue));
    },
  );

  test.for(ANSWERS.filter(([, documents]) => documents === null))(
    "is refused where Kubernetes refuses it: %j",
    ([text]) => {
      expect(() => values(text)).toThrow("input is not YAML or JSON as Kubernetes reads it");
    },
  );

  test.for([
    ["k: a\u2028b\n", 1, 5, "it may not contain the character U+2028"],
    ["k: v\n# \u2029\n", 2, 3, "it may not contain the character U+2029"],
    ["k: v\r\n---\r\n\r\nk: [\r\n", 5, 1, ""],
    ["---\nk: 1\n---\nk: .nan\n", 4, 4, '".nan" is a number that JSON does not have'],
    ["{k: 1}\n{k: 2}\n", 2, 1, ""],
    ["k: {a:, b: 1}\n", 1, 5, "a colon needs a space behind it"],
    ["k: [http:, x]\n", 1, 5, "a colon needs a space behind it"],
    ["k: [!!str, 1]\n", 1, 10, "a tag needs a value here"],
    ["k: [?a=b]\n", 1, 5, "a text that begins with ? needs quotes here"],
    ["k: {null: v}\n", 1, 5, "a key is null; in quotes it is a string"],
  ] as const)(
    "that cannot be read is refused with the place and the reason: %j",
    ([text, line, column, why]) => {
      const place = `input is not YAML or JSON as Kubernetes reads it, at line ${line}, column ${column}: ${why}`;
      expect(() => values(text)).toThrow(place);
    },
  );

  test("keeps its text, split where kubectl splits it", () => {
    const stream = "\ufeff# a\r\n---\r\nk: |\n  ---\n...\nl: 1\n--- # b\n{}\n---";
    const texts = parseManifests(stream, "input").map(({ text }) => text);
    expect(texts).toEqual(["\ufeff# a\r\n", "---\r\nk: |\n  ---\n...\nl: 1\n", "--- # b\n{}\n", "---"]);
  });
});

describe("an object that is written as YAML", () => {
  test("is read as the same object, whatever its texts look like", () => {
    expect(parseManifests(toYaml(WITH_TEXTS), "output").map(({ value }) => value)).toEqual([WITH_TEXTS]);
  });

  test("is read with the same numbers", () => {
    const list = [0, -1, 1.5, 1e21, 1e22, 1e-7, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 64n - 1n];
    expect(parseManifests(toYaml({ list }), "output")[0]?.value).toEqual({ list });
  });
});
