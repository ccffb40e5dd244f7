import { ruleDifferences } from "../rule-differences.ts";
import type { Listing } from "./listing.ts";
import type { Chain, Table } from "./table.ts";

/**
 * How the kernel's rules differ from those that were applied. Empty if they are exactly the same, in the same order: one
 * accept too many, or one rule too late, opens the guard.
 */
export function differences(expected: readonly Table[], listing: Listing): readonly string[] {
  return expected.flatMap((table) => [
    ...tableDifferences(table, listing),
    ...deviceDifferences(table, listing),
  ]);
}

function tableDifferences({ family, chains }: Table, listing: Listing): readonly string[] {
  const table = listing.tables.find((listed) => listed.family === family);
  if (table === undefined) return [`the ${family} table is missing`];
  const listed = listing.chains.filter((chain) => chain.family === family);
  const unknown = listed.filter(({ name }) => !chains.some((chain) => chain.name === name));
  return [
    ...(table.hasFlags ? [`the ${family} table has flags, so it may be dormant`] : []),
    ...unknown.map(({ name }) => `the ${family} table has a chain ${name} that is not the guard's`),
    ...chains.flatMap((chain) => chainDifferences(family, chain, listing)),
  ];
}

function chainDifferences(family: string, chain: Chain, listing: Listing): readonly string[] {
  const title = `chain ${family} ${chain.name}`;
  const listed = listing.chains.find((other) => other.family === family && other.name === chain.name);
  if (listed === undefined) return [`${title} is missing`];
  const hook = chain.base
    ? `${chain.base.type ?? "filter"} ${chain.base.hook} ${chain.base.priority} ${chain.base.policy}`
    : "";
  return [
    ...(listed.base === hook ? [] : [`${title} is attached to "${listed.base}" instead of "${hook}"`]),
    ...ruleDifferences(
      title,
      chain.rules.map(({ rule }) => rule),
      listed.rules.map(({ rule }) => rule),
    ),
  ];
}

function deviceDifferences({ chains }: Table, { devices }: Listing): readonly string[] {
  return chains
    .flatMap(({ base }) => base?.devices ?? [])
    .filter((device) => !devices.includes(device))
    .map((device) => `interface ${device} is not guarded`);
}
