import { describe, expect, test } from "vitest";
import { controllerCommand } from "../../injector/controller/command.ts";
import { OWN_LABELS } from "../../injector/controller/metadata-policy-plan.ts";
import { POLICY_OWNER } from "../../injector/controller/metadata-policy-writes.ts";
import { requireConfig } from "../../injector/config/read-config.ts";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";
import { ofKind, rendered, whyNoHelm, type Manifest } from "../support/helm.ts";

const reason = whyNoHelm();
const policiesIn = (objects: readonly Manifest[]): readonly Manifest[] =>
  objects.filter((one) => one?.kind === "NetworkPolicy" && one.metadata.name === METADATA_POLICY);
const controllerIn = (objects: readonly Manifest[]): Manifest =>
  objects.find((one) => one?.kind === "Deployment" && one.metadata.name === "podrole-controller").spec
    .template.spec.containers[0];

describe.skipIf(reason !== undefined)(
  `the chart's NetworkPolicies against the metadata service${reason ? `: ${reason}` : ""}`,
  () => {
    test.for<readonly [string, object]>([
      ["the metadata service's addresses", {}],
      ["the default that null stands for", { block: null }],
      ["two IPv4 addresses", { block: ["169.254.169.254", "100.100.100.200"] }],
      ["one IPv6 address", { block: ["fd00:ec2::254"] }],
    ])("are what the controller writes and the guard advises, for %s", ([, options]) => {
      const objects = rendered({ options, metadataNetworkPolicy: { namespaces: ["shop", "billing"] } });
      const { block } = requireConfig(ofKind(objects, "ConfigMap").data);
      const { apiVersion, kind, spec } = metadataPolicy(block);
      expect(policiesIn(objects)).toMatchObject(
        ["shop", "billing"].map((namespace) => ({
          apiVersion,
          kind,
          metadata: { name: METADATA_POLICY, namespace },
        })),
      );
      for (const policy of policiesIn(objects)) expect(policy.spec).toEqual(spec);
    });

    test("are not labelled as the controller's, so that it leaves them alone", () => {
      const objects = rendered({ metadataNetworkPolicy: { namespaces: ["shop"] } });
      const key = "app.kubernetes.io/managed-by";
      const [{ metadata }] = policiesIn(objects) as readonly [Manifest];
      expect(metadata.labels).not.toHaveProperty([key]);
      const policy = JSON.stringify(rendered({ metadataNetworkPolicy: { labelled: true } }));
      expect(policy).toContain(`labels[?'${key}'].orValue('') == '${OWN_LABELS[key]}'`);
    });

    test("are not there by default, and the controller has neither the rights nor the task", () => {
      const objects = rendered();
      expect(policiesIn(objects)).toEqual([]);
      expect(JSON.stringify(objects)).not.toContain("networkpolicies");
      expect(objects.filter((one) => one?.metadata.name === POLICY_OWNER)).toEqual([]);
      const options = controllerCommand().parse(controllerIn(objects).args, { from: "user" }).opts();
      expect(options).toMatchObject({ metadataPolicies: false, excludeNamespaces: [] });
    });

    test("are the controller's task with one value, with rights over that name alone and a policy that holds it to them", () => {
      const values = {
        metadataNetworkPolicy: { labelled: true },
        webhook: { excludeNamespaces: ["a", "b"] },
      };
      const objects = rendered(values);
      const options = controllerCommand().parse(controllerIn(objects).args, { from: "user" }).opts();
      expect(options).toMatchObject({ metadataPolicies: true, excludeNamespaces: ["a", "b"] });
      const made = objects.filter((one) => one?.metadata.name === POLICY_OWNER);
      expect(new Set(made.map(({ kind }) => kind))).toEqual(
        new Set([
          "ClusterRole",
          "ClusterRoleBinding",
          "ValidatingAdmissionPolicy",
          "ValidatingAdmissionPolicyBinding",
        ]),
      );
      const rule = ofKind(made, "ClusterRole").rules.find(({ resources }: Manifest) =>
        resources.includes("networkpolicies"),
      );
      expect(rule.resourceNames).toEqual([METADATA_POLICY]);
      const text = JSON.stringify(ofKind(made, "ValidatingAdmissionPolicy"));
      expect(text).toContain("['kube-system','podrole-system','a','b']");
    });
  },
);
