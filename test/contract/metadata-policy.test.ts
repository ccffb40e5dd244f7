import { expect, test } from "vitest";
import { parse } from "yaml";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";
import { textOf } from "./docs/tree.ts";

test("the policy lets every pod of its namespace connect to everything but the metadata service", () => {
  expect(metadataPolicy(METADATA_ADDRESSES)).toEqual({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: METADATA_POLICY },
    spec: {
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [
        {
          to: [
            { namespaceSelector: {} },
            { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.169.254/32"] } },
            { ipBlock: { cidr: "::/0", except: ["fd00:ec2::254/128"] } },
          ],
        },
      ],
    },
  });
});

test("the policy leaves a family open of which no address is blocked", () => {
  const [{ to }] = metadataPolicy(["100.100.100.200"]).spec.egress;
  expect(to.slice(1)).toEqual([
    { ipBlock: { cidr: "0.0.0.0/0", except: ["100.100.100.200/32"] } },
    { ipBlock: { cidr: "::/0" } },
  ]);
});

test("deploy/docs/network-policy.md shows the policy as it is written, and a denial of the same addresses", () => {
  const shown = [...textOf("deploy/docs/network-policy.md").matchAll(/```yaml\n(.+?)```/gs)];
  const [policy, denial] = shown.map(([, yaml]) => parse(yaml ?? ""));
  expect(policy).toEqual(metadataPolicy(METADATA_ADDRESSES));
  const [, ipv4, ipv6] = policy.spec.egress[0].to;
  expect(denial.spec.egressDeny).toEqual([{ toCIDR: [...ipv4.ipBlock.except, ...ipv6.ipBlock.except] }]);
});
