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

/** A namespace that needs more is not one for podrole. It bounds what each pod is compared with. */
const ENTRIES_MAX = 64;

/** The exemptions of a namespace. An entry that is not understood exempts from nothing and is a finding. */
export function exemptionsOf({ annotations, name }: NamespaceFacts): {
  readonly exempt: Exemptions;
  readonly findings: readonly Finding[];
} {
  const written = (annotations[ANNOTATION.exempt] ?? "")
    .split(",", ENTRIES_MAX + 1)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const entries = written.slice(0, ENTRIES_MAX).map((entry) => ({ entry, why: whyInvalid(entry) }));
  const valid = entries.filter(({ why }) => why === undefined).map(({ entry }) => entry);
  const paths = pathsIn(valid);
  const invalid = [
    ...entries,
    ...[...paths.readable, ...paths.writable]
      .filter((path) => isInWritable(path, paths))
      .map((path) => ({ entry: `${PATH}${path}`, why: "it lies in a folder that is exempted with :rw" })),
    ...(written.length > ENTRIES_MAX
      ? [{ entry: "and further ones", why: `only ${ENTRIES_MAX} are read` }]
      : []),
  ];
  return {
    exempt: { entries: new Set(valid), paths },
    findings: invalid.flatMap(({ entry, why }) =>
      why === undefined
        ? []
        : [
            finding(
              "EXEMPTION_INVALID",
              `The entry ${JSON.stringify(entry.slice(0, 120))} of the annotation ${ANNOTATION.exempt} of namespace ${name} exempts from nothing: ${why}.`,
              "Ask a cluster admin to correct or remove it.",
            ),
          ],
    ),
  };
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
    return `no control has this name${meant === undefined ? "" : `, did you mean ${meant}`}`;
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
