import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CHART_OPTIONS, valuesAt } from "../support/chart-options.ts";
import { ofKind, rendered, template, whyNoHelm } from "../support/helm.ts";

const reason = whyNoHelm();

const README = readFileSync(new URL("../../deploy/README.md", import.meta.url), "utf8");

const HEAD = `# Made from deploy/chart by \`npm run manifests\`: what \`helm install\` would apply with the chart's defaults, for those without
# Helm. Values are written into it by hand, or by \`helm template\`.
`;

test.skipIf(reason !== undefined)(
  `deploy/install.yaml is the chart with its defaults${reason ? `: ${reason}` : ""}`,
  async () => {
    const { status, stdout, stderr } = template({ namespace: { create: true } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await expect(HEAD + stdout).toMatchFileSnapshot("../../deploy/install.yaml");
  },
);

test.skipIf(reason !== undefined)(
  `deploy/README.md names the options for which the admission policy has to be rendered anew${reason ? `: ${reason}` : ""}`,
  () => {
    const policyWith = (values: object): string =>
      JSON.stringify(ofKind(rendered(values), "ValidatingAdmissionPolicy").spec);
    const usual = policyWith({});
    const changing = Object.entries(CHART_OPTIONS).flatMap(([flag, { at, value }]) =>
      policyWith(valuesAt(at, value)) === usual ? [] : [flag],
    );
    const paragraph = /Options that change guard, sidecar[^]*?need another one/.exec(README)?.[0] ?? "";
    const named = [...paragraph.matchAll(/`(--[\w-]+)`/g)].map(([, flag]) => flag ?? "");
    expect(named.toSorted()).toEqual(changing.toSorted());
  },
);
