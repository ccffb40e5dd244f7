import { expect, test } from "vitest";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";

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
