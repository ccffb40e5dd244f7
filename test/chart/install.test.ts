import { expect, test } from "vitest";
import { CHART_OPTIONS, valuesAt } from "../support/chart-options.ts";
import { rendered, template, whyNoHelm } from "../support/helm.ts";

const reason = whyNoHelm();

const HEAD = `# Made from deploy/chart by \`npm run manifests\`: what \`helm install\` would apply with the chart's defaults, for those without
# Helm. The settings are in the ConfigMap podrole-config: write yours into it, here or with \`kubectl edit\`.
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
  `no option changes the admission policies, which read it from the ConfigMap${reason ? `: ${reason}` : ""}`,
  () => {
    const policiesWith = (values: object): string =>
      JSON.stringify(
        rendered(values)
          .filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"))
          .map(({ spec }) => spec),
      );
    const usual = policiesWith({});
    const options = Object.values(CHART_OPTIONS).filter(({ at }) => at.startsWith("options."));
    expect(options.length).toBeGreaterThan(40);
    for (const { at, value } of options) {
      expect({ at, policies: policiesWith(valuesAt(at, value)) }).toEqual({ at, policies: usual });
    }
  },
);
