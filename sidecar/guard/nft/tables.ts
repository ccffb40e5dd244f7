import type { RuleInput } from "../packet-filter.ts";
import { inetTable } from "./inet-table.ts";
import { netdevTable } from "./netdev-table.ts";
import type { Table } from "./table.ts";

/** @param egressHook false: the `inet` table alone, for a kernel that has no second wall to give */
export const tablesFor = (input: RuleInput, egressHook = true): readonly Table[] => [
  inetTable(input),
  ...(egressHook ? [netdevTable(input)] : []),
];
