import type { PacketFilter, Resets } from "./filter.ts";
import type { Listing } from "./listing.ts";
import type { Nft } from "./nft.ts";
import { differences } from "./prove.ts";
import { resetRule, rulesFor, type RuleInput, type Table } from "./rules.ts";
import { scriptOf } from "./script.ts";

/** @param egressHook false: the `inet` table alone, for a kernel that has no second wall to give */
export function nftFilter(nft: Nft, egressHook: boolean): PacketFilter {
  const tables = (input: RuleInput): readonly Table[] =>
    rulesFor(input).filter(({ family }) => egressHook || family === "inet");
  return {
    name: "nft",
    egressHook,
    put: (input) => nft.apply(scriptOf(tables(input))),
    read: async (input) => {
      const wanted = tables(input);
      const listing = await nft.list(wanted.map(({ family }) => family));
      const hooks = wanted.flatMap(({ chains }) => chains.flatMap(({ base }) => base ?? []));
      return {
        differences: differences(wanted, listing),
        resets: resetsIn(listing, input),
        hooks: hooks.length,
        interfaces: hooks.flatMap(({ devices }) => devices ?? []).length,
      };
    },
    resets: async (input) => resetsIn(await nft.list(["inet"]), input),
  };
}

function resetsIn(listing: Listing, { addresses }: RuleInput): Resets {
  const output = listing.chains.find(({ family, name }) => family === "inet" && name === "output");
  const packets = (address: string): number =>
    output?.rules.find(({ rule }) => rule === resetRule(address))?.packets ?? 0;
  return new Map(addresses.map((address) => [address, packets(address)]));
}
