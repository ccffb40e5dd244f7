import { readFileSync } from "node:fs";
import { listingOf, type Listing } from "../../../../sidecar/guard/nft/listing.ts";
import type { RuleInput } from "../../../../sidecar/guard/packet-filter.ts";

const TWO_INTERFACES: RuleInput = {
  addresses: ["169.254.169.254", "fd00:ec2::254"],
  interfaces: ["eth0", "net1"],
  openUid: undefined,
  redirectPort: undefined,
  sidecar: undefined,
};
const OPEN_UID: RuleInput = {
  ...TWO_INTERFACES,
  interfaces: ["eth0"],
  openUid: 64_169,
  sidecar: { uid: 64_169, ports: [16_925, 16_926] },
};
const emulating = (uid: number) => ({
  redirectPort: 16_927,
  sidecar: { uid, ports: [16_925, 16_926, 16_927] },
});

/** The pods whose rules were recorded from a kernel (Linux 6.18) with two versions of nft; see golden/. */
export const PODS = {
  "two-interfaces": TWO_INTERFACES,
  "open-uid": OPEN_UID,
  emulate: { ...TWO_INTERFACES, ...emulating(51_234) },
  "emulate-open-uid": { ...OPEN_UID, ...emulating(64_169) },
} as const satisfies Readonly<Record<string, RuleInput>>;

/** Debian 12's and Debian 13's. */
export const NFT_VERSIONS = ["1.0.6", "1.1.3"] as const;

interface Options {
  readonly version?: (typeof NFT_VERSIONS)[number];
  /** Replaces some of nft's text on the way. */
  readonly change?: (text: string) => string;
}

/** What nft listed. */
export function recorded(pod: keyof typeof PODS, options: Options = {}): Listing {
  const { version = "1.0.6", change = (text) => text } = options;
  const [inet, netdev, egress] = ["inet.json", "netdev.json", "netdev.txt"].map((end) =>
    change(readFileSync(new URL(`golden/${pod}.nft-${version}.${end}`, import.meta.url), "utf8")),
  );
  return listingOf([JSON.parse(inet ?? ""), JSON.parse(netdev ?? "")], egress ?? "");
}
