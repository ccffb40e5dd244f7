import { TABLE_NAME, type Base, type Chain, type Table } from "./table.ts";

/**
 * The rules in nft's language. nft hands a script to the kernel as one transaction, all of it or nothing, and `add`
 * followed by `delete` works whether the table was there or not: applying twice equals once, with no unguarded moment
 * between. No table but ours is named.
 */
export function scriptOf(tables: readonly Table[]): string {
  return `${tables.map(tableText).join("\n\n")}\n`;
}

function tableText({ family, chains }: Table): string {
  const name = `${family} ${TABLE_NAME}`;
  const body = chains.map(chainText).join("\n\n");
  return [`add table ${name}`, `delete table ${name}`, `table ${name} {`, body, "}"].join("\n");
}

function chainText({ name, why, base, rules }: Chain): string {
  // Rules that differ in the address alone share their comment.
  const lines = rules.flatMap((rule, index) => {
    const said = rules.slice(0, index).some((earlier) => earlier.why === rule.why);
    return [...comment(said ? undefined : rule.why), rule.rule];
  });
  const header = base ? [baseText(base)] : [];
  return [...comment(why), `chain ${name} {`, ...[...header, ...lines].map(indented), "}"]
    .map(indented)
    .join("\n");
}

function baseText({ type = "filter", hook, priority, policy, devices }: Base): string {
  const on = devices ? ` devices = { ${devices.map((device) => `"${device}"`).join(", ")} }` : "";
  return `type ${type} hook ${hook}${on} priority ${priority}; policy ${policy};`;
}

function comment(why: string | undefined): readonly string[] {
  return why === undefined ? [] : why.split("\n").map((line) => `# ${line}`);
}

function indented(line: string): string {
  return `  ${line}`;
}
