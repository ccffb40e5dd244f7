import { readFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { brokerCommand } from "../../injector/broker/command.ts";
import { controllerCommand } from "../../injector/controller/command.ts";
import { BROKER_IDENTITIES } from "../../injector/model/broker-identity.ts";
import { isRecord } from "../../injector/model/read.ts";
import { VERSION } from "../../injector/model/version.ts";
import { withServing } from "../../injector/tls/options.ts";
import { BROKER_VALUES, CHART_OPTIONS, injectorFlags, NO_VALUES } from "../support/chart-options.ts";

/** Checks of the chart that need no helm. */

const read = (path: string): string => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");
const values = parse(read("chart/values.yaml")) as Record<string, unknown>;
const schema = JSON.parse(read("chart/values.schema.json")) as Record<string, unknown>;

const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
const inside = (value: unknown, name: string): unknown => record(value)[name];

describe("the chart's values", () => {
  test("have every option of the injector except those that the chart sets itself", () => {
    const known = [...Object.keys(CHART_OPTIONS), ...Object.keys(NO_VALUES)];
    expect(known.toSorted()).toEqual(injectorFlags().toSorted());
    const missing = Object.values(CHART_OPTIONS).filter(
      ({ at }) => at.split(".").reduce(inside, values) === undefined,
    );
    expect(missing).toEqual([]);
  });

  test("accept exactly the choices of an option", () => {
    const choices = withServing(new Command()).options.flatMap((option) =>
      option.argChoices === undefined ? [] : [[`--${option.name()}`, option.argChoices.toSorted()] as const],
    );
    // In mode cert-manager the injector gets certificate files.
    const compared = choices.filter(([flag]) => flag !== "--tls");
    expect(compared).not.toEqual([]);
    for (const [flag, wanted] of compared) {
      const path = (CHART_OPTIONS[flag]?.at ?? "").split(".").flatMap((name) => ["properties", name]);
      const offered = record(path.reduce(inside, schema as unknown))["enum"];
      expect({ flag, offered: Array.isArray(offered) ? offered.map(String).toSorted() : offered }).toEqual({
        flag,
        offered: wanted,
      });
    }
  });

  test("hold the defaults of the injector's own flags", () => {
    const defaults = withServing(new Command()).parse([], { from: "user" }).opts();
    const { secretName, minVersion } = record(values["tls"]);
    expect([secretName, minVersion, values["drainSeconds"]]).toEqual([
      defaults["tlsSecret"],
      defaults["tlsMinVersion"],
      defaults["drainSeconds"],
    ]);
  });

  test("hold the defaults of the controller's own flags", () => {
    const defaults = controllerCommand().parse([], { from: "user" }).opts();
    const { secretName, names } = record(values["tls"]);
    expect([secretName, names, record(values["controller"])["port"]]).toEqual([
      defaults["tlsSecret"],
      defaults["tlsNames"],
      defaults["port"],
    ]);
  });

  test("hold the defaults of the broker's own flags", () => {
    const defaults = brokerCommand().parse([], { from: "user" }).opts();
    for (const [flag, at] of Object.entries(BROKER_VALUES)) {
      if (flag === "--identity") continue;
      const name = flag.slice(2).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      expect({ flag, value: at.split(".").reduce(inside, values) }).toEqual({ flag, value: defaults[name] });
    }
  });

  test("name the broker's identities as its flag and the command line do", () => {
    const at = "properties.broker.properties.identity.properties.type.enum";
    expect(at.split(".").reduce(inside, schema as unknown)).toEqual(BROKER_IDENTITIES);
  });

  test("have the same names as the schema, which allows no others", () => {
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

test("the chart's CRD equals the one in deploy/crd", () => {
  expect(read("chart/files/rolegrants.yaml")).toBe(read("crd/rolegrants.yaml"));
});

test("the chart has the version of the programs", () => {
  expect(parse(read("chart/Chart.yaml"))).toMatchObject({ version: VERSION, appVersion: VERSION });
});
