import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { SETTING_NAMES, SETTINGS } from "../../injector/config/settings.ts";
import type { Setting } from "../../injector/config/setting.ts";
import { REGISTRY, VERSION } from "../../injector/model/version.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { DEFAULTS } from "../../sidecar/kit/defaults.ts";
import { CONTAINER, SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import { FLOORS, OWN_RESOURCES } from "../../injector/model/own-resources.ts";
import { amountsOf, largestOf, type Requirements } from "../../injector/model/resource-amounts.ts";

/** What the admission policies assume about the settings that they read from the ConfigMap. */

const template = readFileSync(new URL("../../deploy/chart/templates/_policy.tpl", import.meta.url), "utf8");

/** The YAML of one definition of the template. */
function defined(name: string): Readonly<Record<string, unknown>> {
  const text = new RegExp(`define "podrole\\.${name}" -}}\\n([^]*?)\\{\\{- end`).exec(template)?.[1];
  return parse(text ?? "") as Record<string, unknown>;
}

const OF_POLICY = SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).policy === true);

test("the policies read the settings that are marked for them, and use their defaults", () => {
  const { image, ...others } = Object.fromEntries(
    OF_POLICY.map((name) => [name, SETTINGS[name].default ?? ""]),
  );
  expect(defined("policySettings")).toEqual(others);
  // The default contains a version; the policy uses the settings' version.
  expect(image).toBe(`${REGISTRY}/sidecar:${VERSION}`);
});

test("the policies accept exactly the choices of a setting", () => {
  const choices = OF_POLICY.flatMap((name): [string, readonly string[]][] => {
    const { kind }: Setting = SETTINGS[name];
    const words = kind.schema.type === "boolean" ? ["true", "false"] : kind.choices;
    return words === undefined ? [] : [[name, words.toSorted()]];
  });
  const known = Object.entries(defined("policyChoices")).map(([name, words]): [string, readonly string[]] => [
    name,
    (words as readonly string[]).toSorted(),
  ]);
  expect(Object.fromEntries(known)).toEqual(Object.fromEntries(choices));
});

test("the policy for new pods assumes of absent variables what guard and sidecar assume", () => {
  const compared = Object.entries(DEFAULTS)
    // Of the emulation only that is written.
    .filter(([name]) => name !== ENV.imds && template.includes(`'${name}=`))
    .map(([name, value]) => `${name}=${value}`);
  expect(compared.length).toBeGreaterThan(5);
  expect(defined("assumed")).toEqual(compared);
});

test("the policy for new pods accepts exactly the uids that the injector gives to sidecars", () => {
  const policy = readFileSync(
    new URL("../../deploy/chart/templates/admission-policy.yaml", import.meta.url),
    "utf8",
  );
  expect(policy).toContain(
    `variables.sidecarUid >= ${SIDECAR_UIDS.min} && variables.sidecarUid <= ${SIDECAR_UIDS.max}`,
  );
});

test("no uid of a sidecar is among those that the policies do not look at closer", () => {
  expect(template).toContain(`{{ include "podrole.celUid" . }} < ${SIDECAR_UIDS.min} &&`);
});

test("the policies have the usual and the minimum resources of the injector", () => {
  const amounts = (of: Readonly<Record<string, Requirements>>): string =>
    Object.entries(of)
      .map(
        ([name, all]) =>
          `'${name}': {${amountsOf(all)
            .map(({ place, quantity }) => `'${place}': '${quantity}'`)
            .join(", ")}}`,
      )
      .join(",\n    ");
  const quoted = JSON.stringify(OWN_RESOURCES)
    .replaceAll('"', "'")
    .replaceAll(/:/g, ": ")
    .replaceAll(",", ", ");
  expect(template.replaceAll(/,\n +/g, ", ")).toContain(`- name: usual\n  expression: >-\n    ${quoted}\n`);
  expect(template).toContain(`- name: floors\n  expression: >-\n    {${amounts(FLOORS)}}\n`);
});

test("the sidecar's minimum is enough for guard and sidecar in one container", () => {
  const [guard, sidecar] = [FLOORS[CONTAINER.guard], FLOORS[CONTAINER.sidecar]];
  expect(largestOf([guard, sidecar])).toEqual(sidecar);
});
