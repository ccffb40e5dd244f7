import type { Paint } from "../print/paint.ts";
import { plain, wrapped } from "../print/lines.ts";
import type { DocumentName, Explanation, PolicyDocument } from "./document.ts";

/** What goes to standard output: one policy as IAM takes it, or several by their names. */
export function policiesText(documents: readonly PolicyDocument[]): string {
  const [first, ...rest] = documents;
  const value =
    rest.length === 0 && first !== undefined
      ? first.policy
      : Object.fromEntries(documents.map((one) => [keyOf(one, documents), one.policy]));
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The name of a document and, where several have it, of what they are. */
const keyOf = ({ document, of }: PolicyDocument, documents: readonly PolicyDocument[]): string =>
  isOneOfSeveral(document, documents) ? `${document} ${of}` : document;

const isOneOfSeveral = (name: DocumentName, documents: readonly PolicyDocument[]): boolean =>
  documents.filter(({ document }) => document === name).length > 1;

const TITLES: Readonly<Record<PolicyDocument["document"], string>> = {
  trust: "trust policy of",
  "hub-trust": "trust policy of the hub",
  "hub-permissions": "permissions of the hub",
  "caller-permissions": "permissions of",
  "broker-trust": "trust policy of the broker's role",
  "broker-permissions": "permissions of the broker,",
};

/**
 * Explanations and warnings beside the policies, for a person.
 * @param others names of documents that were made too and are not shown
 */
export function commentary(
  documents: readonly PolicyDocument[],
  notes: readonly string[],
  others: readonly string[],
  width: number,
  paint: Paint,
): string {
  const alone = ({ document, of }: PolicyDocument): string => {
    if (documents.length === 1) return "";
    const role = isOneOfSeveral(document, documents) ? ` --role ${of}` : "";
    return ` (--document ${document}${role} prints it alone)`;
  };
  const lines = [
    ...notes.flatMap((note) => wrapped(note, width, 0)).map((line) => paint("dim", line)),
    ...documents.flatMap((one) => ["", ...linesOf(one, alone(one), width, paint)]),
    ...(others.length === 0 ? [] : ["", `Also: ${others.map((name) => `--document ${name}`).join(", ")}.`]),
  ];
  return `${lines.join("\n").replace(/^\n+/, "")}\n`;
}

/** What there is to say of policies that went to files: warnings alone, since there may be hundreds of them. */
export function folderText(
  documents: readonly PolicyDocument[],
  files: readonly unknown[],
  notes: readonly string[],
  width: number,
  paint: Paint,
): string {
  const warned = documents.filter(({ warnings }) => warnings.length > 0);
  const written = `Wrote ${files.length} ${files.length === 1 ? "policy" : "policies"}. Each command replaces the role's whole trust policy: first add whomever else the role trusts.`;
  const lines = [
    ...notes.flatMap((note) => wrapped(note, width, 0)).map((line) => paint("dim", line)),
    ...warned.flatMap((one) => [titleOf(one, width, paint), ...warningLines(one, width, paint)].flat()),
    ...wrapped(written, width, 0),
  ];
  return `${lines.join("\n")}\n`;
}

/** Pods that get no policy. Their names may be a manifest's own text. */
export const deniedText = (denied: readonly string[]): string =>
  denied.map((why) => `POD_DENIED: ${plain(why)}\n`).join("");

const titleOf = ({ document, of }: PolicyDocument, width: number, paint: Paint): readonly string[] =>
  wrapped(`${TITLES[document]} ${of}`, width, 0).map((line) => paint("bold", line));

const warningLines = ({ warnings }: PolicyDocument, width: number, paint: Paint): readonly string[] =>
  warnings.flatMap(({ code, message }) => [
    `  ${paint("yellow", "warn")}  ${code}`,
    ...wrapped(message, width, 8),
  ]);

function linesOf(shown: PolicyDocument, alone: string, width: number, paint: Paint): readonly string[] {
  const { document, policy, explanation, command } = shown;
  const ofSeveral =
    policy.Statement.some(({ Resource }) => Array.isArray(Resource)) || policy.Statement.length > 1;
  const ofPermissions = ofSeveral
    ? " The command replaces the policy of that name: give all pods at once, or change the name."
    : "";
  const replaces = document.endsWith("trust")
    ? " The command replaces the role's whole trust policy: first add whomever else the role trusts."
    : ofPermissions;
  const apply =
    command === undefined
      ? []
      : [
          "",
          ...wrapped(`To set it, save it as ${document}.json${alone}.${replaces}`, width, 2),
          `    ${paint("cyan", command)}`,
        ];
  return [
    ...titleOf(shown, width, paint),
    ...grouped(explanation).flatMap(({ at, text }) => [`  ${at}`, ...wrapped(text, width, 6)]),
    ...warningLines(shown, width, paint),
    ...apply,
  ];
}

/** The same explanation of several statements' lines, once: `Statement[0,2].Action`. */
function grouped(explanation: readonly Explanation[]): readonly Explanation[] {
  const groups = new Map<
    string,
    { readonly indexes: string[]; readonly line: string; readonly text: string }
  >();
  for (const { at, text } of explanation) {
    const [, index = "", line = ""] = /^Statement\[(\d+)\]\.(.+)$/.exec(at) ?? [];
    const key = `${line}\n${text}`;
    const group = groups.get(key) ?? { indexes: [], line, text };
    groups.set(key, group);
    group.indexes.push(index);
  }
  return [...groups.values()].map(({ indexes, line, text }) => ({
    at: `Statement[${indexes.join(",")}].${line}`,
    text,
  }));
}
