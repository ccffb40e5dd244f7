import type { PacketFilter, ResetCounts, RuleInput } from "../packet-filter.ts";
import { differences } from "./differences.ts";
import type { Listing } from "./listing.ts";
import type { Nft } from "./nft.ts";
import { resetRule } from "./rules.ts";
import { scriptOf } from "./script.ts";
import { tablesFor } from "./tables.ts";

/** @param egressHook as in {@link tablesFor} */
export function nftFilter(nft: Nft, egressHook: boolean): PacketFilter {
  return {
    name: "nft",
    egressHook,
    apply: (input) => nft.apply(scriptOf(tablesFor(input, egressHook))),
    readBack: async (input) => {
      const wanted = tablesFor(input, egressHook);
      const listing = await nft.list(wanted.map(({ family }) => family));
      const hooks = wanted.flatMap(({ chains }) => chains.flatMap(({ base }) => base ?? []));
      return {
        differences: differences(wanted, listing),
        resetCounts: resetsIn(listing, input),
        hooks: hooks.length,
        interfaces: hooks.flatMap(({ devices }) => devices ?? []).length,
      };
    },
    resetCounts: async (input) => resetsIn(await nft.list(["inet"]), input),
  };
}

function resetsIn(listing: Listing, { addresses }: RuleInput): ResetCounts {
  const output = listing.chains.find(({ family, name }) => family === "inet" && name === "output");
  const packets = (address: string): number =>
    output?.rules.find(({ rule }) => rule === resetRule(address))?.packets ?? 0;
  return new Map(addresses.map((address) => [address, packets(address)]));
}
