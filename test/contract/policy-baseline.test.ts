import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  BASELINE_CAPABILITIES,
  EXEMPTIBLE_CAPABILITIES,
  mayAdd,
} from "../../injector/decide/baseline/capabilities.ts";
import { CONTROL_NAMES, controlOf } from "../../injector/decide/baseline/controls.ts";
import { NEVER_EXEMPT_PATHS, NEVER_WRITABLE_PATHS } from "../../injector/decide/baseline/paths.ts";
import { BASELINE_SYSCTLS, EXEMPTIBLE_SYSCTLS } from "../../injector/decide/baseline/sysctls.ts";

/** What the admission policies forbid, by the webhook's tables. test/cluster/baseline.test.ts compares the answers. */

const template = ["_baseline-lists.tpl", "_baseline.tpl"]
  .map((file) => readFileSync(new URL(`../../deploy/chart/templates/${file}`, import.meta.url), "utf8"))
  .join("");

/** The YAML of one definition of the template. */
function defined(name: string): Readonly<Record<string, unknown>> {
  const text = new RegExp(`define "podrole\\.${name}" -}}\\n([^]*?)\\{\\{- end`).exec(template)?.[1] ?? "";
  // What helm fills in does not matter here.
  const plain = text.replaceAll(/^\{\{-.*\}\}\n/gm, "").replaceAll(/\{\{.*?\}\}/g, "x");
  return parse(plain) as Record<string, unknown>;
}

test("the policies have the webhook's lists of level baseline", () => {
  const { profiles: _, seLinuxTypes: __, capabilitiesWithoutGuard, ...lists } = defined("baselineLists");
  expect(lists).toEqual({
    capabilities: [...BASELINE_CAPABILITIES],
    exemptibleCapabilities: Object.keys(EXEMPTIBLE_CAPABILITIES),
    sysctls: [...BASELINE_SYSCTLS],
    exemptibleSysctls: [...EXEMPTIBLE_SYSCTLS],
    neverExemptPaths: Object.keys(NEVER_EXEMPT_PATHS),
    neverWritablePaths: Object.keys(NEVER_WRITABLE_PATHS),
  });
  const without = capabilitiesWithoutGuard as readonly string[];
  expect(without.filter((one) => !mayAdd(one, false) || mayAdd(one, true))).toEqual([]);
  expect(without).toEqual(expect.arrayContaining(Object.keys(EXEMPTIBLE_CAPABILITIES)));
});

test("the policies have the webhook's controls, with the same code, for a sidecar too where the webhook does so", () => {
  const controls = defined("baselineControls") as Record<string, Readonly<Record<string, unknown>>>;
  const known = Object.entries(controls).map(([name, { code, forSidecar }]) => [
    name,
    { code, forSidecar: forSidecar === true },
  ]);
  const wanted = CONTROL_NAMES.filter((name) => name !== "hostPath").map((name) => {
    const { code, forSidecar } = controlOf(name);
    return [name, { code, forSidecar }];
  });
  expect(Object.fromEntries(known)).toEqual(Object.fromEntries(wanted));
});

test("the policies exempt by name or value from exactly the controls that the webhook does", () => {
  const named = [...template.matchAll(/'(\w+)' in variables\.exempt\b/g)].map(([, name]) => name);
  const valued = [...template.matchAll(/\('(\w+)=' \+ [\w.]+\) in variables\.exempt\b/g)].map(
    ([, name]) => name,
  );
  const by = (kind: string): readonly string[] =>
    CONTROL_NAMES.filter((name) => controlOf(name).exempt.by === kind);
  expect(new Set(named)).toEqual(new Set(by("name")));
  expect(new Set(valued)).toEqual(new Set(by("value")));
  expect(by("path")).toEqual(["hostPath"]);
});
