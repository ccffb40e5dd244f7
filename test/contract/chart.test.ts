import { readFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { withInstallation } from "../../injector/config/options.ts";
import { isRecord } from "../../injector/model/read.ts";
import { VERSION } from "../../injector/model/version.ts";
import { withServing } from "../../injector/tls/options.ts";
import { CHART_OPTIONS, injectorFlags, NO_VALUES } from "../support/chart-options.ts";

/** What can be said of the chart without helm. */

const read = (path: string): string => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");
const values = parse(read("chart/values.yaml")) as Record<string, unknown>;
const schema = JSON.parse(read("chart/values.schema.json")) as Record<string, unknown>;

const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
const inside = (value: unknown, name: string): unknown => record(value)[name];

describe("the chart's values", () => {
  test("hold every option of the injector but those that are the chart's to say", () => {
    const known = [...Object.keys(CHART_OPTIONS), ...Object.keys(NO_VALUES)];
    expect(known.toSorted()).toEqual(injectorFlags().toSorted());
    const missing = Object.values(CHART_OPTIONS).filter(
      ({ at }) => at.split(".").reduce(inside, values) === undefined,
    );
    expect(missing).toEqual([]);
  });

  test("hold no option that the injector does not have", () => {
    const settable = new Set(Object.values(CHART_OPTIONS).map(({ at }) => at));
    const held = Object.keys(record(values["options"])).map((name) => `options.${name}`);
    expect(held.filter((at) => !settable.has(at))).toEqual([]);
  });

  test("take of an option's choices all, and no other", () => {
    const choices = withServing(withInstallation(new Command())).options.flatMap((option) =>
      option.argChoices === undefined ? [] : [[`--${option.name()}`, option.argChoices.toSorted()] as const],
    );
    // Mode cert-manager is files to the injector.
    const compared = choices.filter(([flag]) => flag !== "--tls");
    expect(compared.length).toBeGreaterThan(10);
    for (const [flag, wanted] of compared) {
      const path = (CHART_OPTIONS[flag]?.at ?? "").split(".").flatMap((name) => ["properties", name]);
      const offered = path.reduce(inside, schema as unknown);
      const known = record(offered)["enum"];
      expect({
        flag,
        known: Array.isArray(known)
          ? known
              .filter((one) => one !== null)
              .map(String)
              .toSorted()
          : known,
      }).toEqual({
        flag,
        known: wanted,
      });
    }
  });

  test("hold the defaults of the injector, but for the image, which is the chart's version", () => {
    const defaults = withServing(withInstallation(new Command())).parse([], { from: "user" }).opts();
    const { image, stsCa, ...ours } = record(values["options"]);
    expect([image, stsCa]).toEqual([null, null]);
    for (const [name, value] of Object.entries(ours)) {
      expect({ [name]: value }).toEqual({ [name]: defaults[name] ?? null });
    }
    const { secretName, minVersion, names } = record(values["tls"]);
    expect([secretName, minVersion, names, values["drainSeconds"]]).toEqual([
      defaults["tlsSecret"],
      defaults["tlsMinVersion"],
      defaults["tlsNames"],
      defaults["drainSeconds"],
    ]);
  });

  test("are each explained by a comment", () => {
    const lines = read("chart/values.yaml").split("\n");
    const bare = lines.filter((line, index) => {
      const before = lines[index - 1] ?? "";
      const nested = /^ {2}\w+:/.test(line) && !before.trim().startsWith("#");
      return nested && lines.slice(0, index).findLast((one) => /^\w/.test(one)) === "options:";
    });
    // The seven spellings share one.
    expect(bare.map((line) => line.trim().split(":")[0])).toEqual([
      "externalIdKey",
      "sessionNameKey",
      "serviceAccountKey",
      "defaultRoleKey",
      "namespaceKey",
      "permittedKey",
    ]);
  });

  test("are the names of the schema, which takes no other", () => {
    const differences = (value: unknown, wanted: unknown, at: string): readonly string[] => {
      const { properties, additionalProperties } = record(wanted);
      if (!isRecord(properties)) return [];
      const names = Object.keys(record(value));
      const known = Object.keys(properties).filter((name) => name !== "global");
      return [
        ...(additionalProperties === false ? [] : [`${at} is open`]),
        ...names.filter((name) => !known.includes(name)).map((name) => `${at}.${name} is not in the schema`),
        ...(value == null ? [] : known.filter((name) => !names.includes(name))).map(
          (name) => `${at}.${name} is not in the values`,
        ),
        ...names.flatMap((name) => differences(record(value)[name], properties[name], `${at}.${name}`)),
      ];
    };
    expect(differences(values, schema, "values")).toEqual([]);
  });
});

test("the chart's CRD is the one of deploy/crd", () => {
  expect(read("chart/files/rolegrants.yaml")).toBe(read("crd/rolegrants.yaml"));
});

test("the chart is of the version of the programs", () => {
  expect(parse(read("chart/Chart.yaml"))).toMatchObject({ version: VERSION, appVersion: VERSION });
});
