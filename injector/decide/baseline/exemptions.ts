import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { NamespaceFacts } from "../../model/facts.ts";
import { type Finding, finding } from "../../model/findings.ts";
import { nearest } from "../../model/nearest.ts";
import { NEVER_EXEMPT_CAPABILITIES } from "./capabilities.ts";
import type { Violation } from "./control.ts";
import { CONTROL_NAMES, controlOf, type ControlName } from "./controls.ts";
import { type ExemptPaths, exemptPath, isInWritable, whyNeverExempt } from "./paths.ts";

/** From what an admin exempts the pods of a namespace. */
export interface Exemptions {
  /** Valid entries that name no path: `hostPorts`, `capabilities=IPC_LOCK`. */
  readonly entries: ReadonlySet<string>;
  readonly paths: ExemptPaths;
}

/** It bounds what each pod is compared with, here and in the admission policies. */
const ANNOTATION_MAX = 2000;

/** Not others: languages differ in what they take for white space. */
const PLAIN = /^[\t\n\r -~]*$/;

/** The exemptions of a namespace. An entry that is not understood exempts from nothing and is a finding. */
export function exemptionsOf({ annotations, name }: NamespaceFacts): {
  readonly exempt: Exemptions;
  readonly findings: readonly Finding[];
} {
  const written = annotations[ANNOTATION.exempt] ?? "";
  const unread = whyUnread(written);
  const entries = unread === undefined ? entriesOf(written) : [];
  const valid = entries.filter((entry) => whyInvalid(entry) === undefined);
  const paths = pathsIn(valid);
  const useless = [
    ...(unread === undefined ? [] : [{ what: "The annotation", why: unread }]),
    ...entries.map((entry) => ({
      what: `The entry ${shown(entry)} of the annotation`,
      why: whyInvalid(entry),
    })),
    ...[...paths.readable, ...paths.writable]
      .filter((path) => isInWritable(path, paths))
      .map((path) => ({
        what: `The entry for the path ${shown(path)} of the annotation`,
        why: "it lies in a folder that is exempted with :rw",
      })),
  ];
  return {
    exempt: { entries: new Set(valid), paths },
    findings: useless.flatMap(({ what, why }) =>
      why === undefined
        ? []
        : [
            finding(
              "EXEMPTION_INVALID",
              `${what} ${ANNOTATION.exempt} of namespace ${name} exempts from nothing: ${why}.`,
              "Ask a cluster admin to correct or remove it.",
            ),
          ],
    ),
  };
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 120));

const entriesOf = (written: string): readonly string[] => [
  ...new Set(
    written
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  ),
];

function whyUnread(written: string): string | undefined {
  if (written.length > ANNOTATION_MAX) return `it has more than ${ANNOTATION_MAX} characters`;
  return PLAIN.test(written) ? undefined : "it has a character that is not printable ASCII";
}

const PATH = "hostPath=";
const WRITABLE = ":rw";

function pathsIn(valid: readonly string[]): ExemptPaths {
  const paths = valid.filter((entry) => entry.startsWith(PATH)).map((entry) => entry.slice(PATH.length));
  const [writable, readable] = [true, false].map((rw) =>
    paths.filter((path) => path.endsWith(WRITABLE) === rw),
  ) as [string[], string[]];
  return { readable, writable: writable.map((path) => path.slice(0, -WRITABLE.length)) };
}

/** Why an entry exempts from nothing; undefined if it is valid. */
function whyInvalid(entry: string): string | undefined {
  const at = entry.indexOf("=");
  const [name, value] = at < 0 ? [entry, undefined] : [entry.slice(0, at), entry.slice(at + 1)];
  const control = CONTROL_NAMES.find((one) => one === name);
  if (control === undefined) {
    const meant = nearest(name.slice(0, 40), CONTROL_NAMES);
    return `no control has this name${meant === undefined ? "" : ` (did you mean ${meant}?)`}`;
  }
  const { exempt } = controlOf(control);
  switch (exempt.by) {
    case "nothing":
      return `${control} can never be exempted`;
    case "name":
      return value === undefined ? undefined : `${control} takes no value`;
    case "value":
      if (value === undefined) return `it needs a value, such as ${control}=${exempt.values[0] ?? ""}`;
      return exempt.values.includes(value) ? undefined : whyNeverValue(value, exempt.values);
    case "path": {
      if (value === undefined) return `it needs a path, such as ${control}=/var/log`;
      const writable = value.endsWith(WRITABLE);
      return whyNeverExempt(writable ? value.slice(0, -WRITABLE.length) : value, writable);
    }
  }
}

const whyNeverValue = (value: string, values: readonly string[]): string =>
  Object.hasOwn(NEVER_EXEMPT_CAPABILITIES, value)
    ? `${NEVER_EXEMPT_CAPABILITIES[value]}`
    : `only ${values.join(", ")} can be exempted, written like this`;

/** The entry that exempts from a violation; undefined if there is none. */
export function exemptedBy(
  control: ControlName,
  { value = "", readOnly = false }: Violation,
  { entries, paths }: Exemptions,
): string | undefined {
  switch (controlOf(control).exempt.by) {
    case "nothing":
      return undefined;
    case "name":
      return entries.has(control) ? control : undefined;
    case "value":
      return entries.has(`${control}=${value}`) ? `${control}=${value}` : undefined;
    case "path": {
      const path = exemptPath(value, readOnly, paths);
      return path && `${control}=${path}`;
    }
  }
}

/** The entry that would exempt from a violation, for a remedy; undefined if no entry can. */
export function entryFor(
  control: ControlName,
  { value = "", readOnly = false }: Violation,
): string | undefined {
  const { exempt } = controlOf(control);
  switch (exempt.by) {
    case "nothing":
      return undefined;
    case "name":
      return control;
    case "value":
      return exempt.values.includes(value) ? `${control}=${value}` : undefined;
    case "path":
      return whyNeverExempt(value, !readOnly) === undefined
        ? `${control}=${value}${readOnly ? "" : WRITABLE}`
        : undefined;
  }
}
