import { expect, test } from "vitest";
import { CHART_SAMPLES } from "../support/setting-samples.ts";
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
    for (const [name, value] of Object.entries(CHART_SAMPLES)) {
      const options = { stsProxy: CHART_SAMPLES["stsProxy"], [name]: value };
      expect({ name, policies: policiesWith({ options }) }).toEqual({
        name,
        policies: usual,
      });
    }
  },
);
