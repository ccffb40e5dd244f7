import { normalAddress } from "../../kit/address.ts";

/** What nft says is in the kernel, in the spelling of table.ts. */
export interface Listing {
  readonly tables: readonly ListedTable[];
  readonly chains: readonly ListedChain[];
  /** Interfaces that the egress chain is attached to. */
  readonly devices: readonly string[];
}

interface ListedTable {
  readonly family: string;
  /** Such as `dormant`: a table that exists and does nothing. We set none. */
  readonly hasFlags: boolean;
}

export interface ListedChain {
  readonly family: string;
  readonly name: string;
  /** `filter output -300 accept`, empty for a chain without a hook. */
  readonly base: string;
  readonly rules: readonly ListedRule[];
}

export interface ListedRule {
  readonly rule: string;
  /** Undefined where the rule has no counter. */
  readonly packets: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * @param documents outputs of `nft -j list table …` (man 5 libnftables-json), one a table
 * @param egress output of `nft list chain …` for the egress chain, as text: nft 1.0.6 leaves the
 *   interfaces out of its JSON
 */
export function listingOf(documents: readonly unknown[], egress: string): Listing {
  const objects = documents.flatMap((document) => array(record(document)["nftables"])).map(record);
  const of = (kind: string): readonly Json[] =>
    objects.filter((object) => kind in object).map((object) => record(object[kind]));
  const rules = of("rule");
  return {
    tables: of("table").map((table) => ({ family: text(table["family"]), hasFlags: "flags" in table })),
    chains: of("chain").map((chain) => ({
      family: text(chain["family"]),
      name: text(chain["name"]),
      base: ["type", "hook", "prio", "policy"]
        .flatMap((key) => (key in chain ? [text(chain[key])] : []))
        .join(" "),
      rules: rules
        .filter((rule) => rule["family"] === chain["family"] && rule["chain"] === chain["name"])
        .map((rule) => listedRule(array(rule["expr"]).map(record))),
    })),
    devices: devicesIn(egress),
  };
}

/** `device "eth0"`, or `devices = { eth0, net1 }` with or without quotes. */
function devicesIn(chain: string): readonly string[] {
  const found = /hook egress devices? (?:= \{ ([^}]*) \}|(\S+))/.exec(chain);
  return (found?.[1] ?? found?.[2] ?? "").split(",").flatMap((name) => name.match(/[\w.-]+/) ?? []);
}

function listedRule(statements: readonly Json[]): ListedRule {
  const counter = statements.find((statement) => "counter" in statement);
  const packets = counter && record(counter["counter"])["packets"];
  return {
    rule: statements.map(statementText).join(" "),
    packets: typeof packets === "number" ? packets : undefined,
  };
}

/** A statement that we never write is given as JSON, so that it equals none of our rules. */
function statementText(statement: Json): string {
  const [kind = ""] = Object.keys(statement);
  const value = record(statement[kind]);
  switch (kind) {
    case "match":
      return matchText(value);
    case "counter":
    case "accept":
    case "drop":
      return kind;
    case "redirect":
      return `redirect to :${text(value["port"])}`;
    case "goto":
      return `goto ${text(value["target"])}`;
    case "reject":
      return value["type"] === "tcp reset" ? "reject with tcp reset" : JSON.stringify(statement);
    default:
      return JSON.stringify(statement);
  }
}

function matchText(match: Json): string {
  const { op, left, right } = match;
  const [kind = ""] = Object.keys(record(left));
  const of = record(record(left)[kind]);
  if (right === true && op === "==") return `${kind} ${text(of["name"])} exists`;
  // Beside a bit, nft needs even the sign that it leaves out elsewhere.
  const sign = op === "==" && kind !== "&" ? "" : ` ${text(op)}`;
  if (kind === "payload" && "base" in of) {
    const place = `@${text(of["base"])},${text(of["offset"])},${text(of["len"])}`;
    return `${place}${sign} ${hex(right)}`;
  }
  const subject = subjectText(kind, of);
  if (subject === undefined) return JSON.stringify(match);
  const value = /protocol$|l4proto$/.test(subject)
    ? (PROTOCOLS[text(right)] ?? operand(right))
    : operand(right);
  return `${subject}${sign} ${value}`;
}

/** The left side of a comparison, or undefined for a kind that we never write. */
function subjectText(kind: string, of: Json): string | undefined {
  switch (kind) {
    case "payload":
      return `${text(of["protocol"])} ${text(of["field"])}`;
    case "meta":
      return `meta ${text(of["key"])}`;
    case "&":
      return bitsText(of);
    case "ct":
      return ["ct", ...("dir" in of ? [text(of["dir"])] : []), text(of["key"])].join(" ");
    default:
      return undefined;
  }
}

/** One field and the bit that is looked at: `tcp flags & syn`. */
function bitsText(operands: Json): string | undefined {
  const [field, bit, ...more] = Object.values(operands);
  const { protocol, field: name } = record(record(field)["payload"]);
  if (name === undefined || more.length > 0) return undefined;
  return `${text(protocol)} ${text(name)} & ${text(bit)}`;
}

/** nft reads these names anywhere, but lists them by number where there is no /etc/protocols, as in our own image. */
const PROTOCOLS: Readonly<Record<string, string>> = { "2": "igmp", "6": "tcp" };

/** A number up to 32 bits, beyond that a string of hex digits. */
function hex(value: unknown): string {
  const digits = text(value);
  return /^(?:\d+|0x[\da-f]+)$/.test(digits) ? `0x${BigInt(digits).toString(16)}` : JSON.stringify(value);
}

function operand(value: unknown): string {
  const given = text(value);
  return normalAddress(given) ?? given;
}

function record(value: unknown): Json {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number"
    ? String(value)
    : JSON.stringify(value ?? null);
}
