/** The name of the policy in each namespace that has one. */
export const METADATA_POLICY = "podrole-metadata";

/** What podrole needs of a NetworkPolicy (networking.k8s.io/v1). */
export interface MetadataPolicy {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "NetworkPolicy";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly podSelector: Readonly<Record<string, never>>;
    readonly policyTypes: readonly ["Egress"];
    readonly egress: readonly [{ readonly to: readonly Peer[] }];
  };
}

type Peer = { readonly namespaceSelector: Readonly<Record<string, never>> } | { readonly ipBlock: IpBlock };

interface IpBlock {
  readonly cidr: string;
  /** Absent if there is nothing to except. */
  readonly except?: readonly string[];
}

/**
 * Lets every pod of a namespace connect to everything but these addresses.
 *
 * The selector of all namespaces is not needless beside the blocks: plugins that know pods by identity, such as Cilium, match no pod by an
 * address.
 * @param addresses IPv4 and IPv6, each once, in their normal form
 */
export function metadataPolicy(addresses: readonly string[]): MetadataPolicy {
  const ipv6 = addresses.filter((address) => address.includes(":"));
  const ipv4 = addresses.filter((address) => !address.includes(":"));
  return {
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
            { ipBlock: allBut("0.0.0.0/0", ipv4, 32) },
            { ipBlock: allBut("::/0", ipv6, 128) },
          ],
        },
      ],
    },
  };
}

const allBut = (cidr: string, addresses: readonly string[], bits: number): IpBlock =>
  addresses.length === 0 ? { cidr } : { cidr, except: addresses.map((address) => `${address}/${bits}`) };
