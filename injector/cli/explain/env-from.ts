import { SHADOWING_VARIABLES } from "../../mutate/shadowed.ts";
import { finding, type Finding } from "../../model/findings.ts";
import { named, type Container } from "../../model/pod.ts";
import { fieldsIn, nameOf, own, recordsIn, type Fields } from "../../model/read.ts";
import { kindOf, namespaceIn } from "../../model/workload.ts";

/** A ConfigMap or Secret that a container takes all its variables from. */
export interface EnvSource {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
}

/** The names of its keys; undefined where it could not be read. Values are never kept. */
export type KeysOf = (source: EnvSource) => readonly string[] | undefined;

const KINDS = [
  ["ConfigMap", "configMapRef"],
  ["Secret", "secretRef"],
] as const;

const sourcesOfContainer = (container: Fields): readonly (EnvSource & { readonly prefix: string })[] =>
  recordsIn(container, "envFrom").flatMap((entry) =>
    KINDS.flatMap(([kind, field]) => {
      const name = own(fieldsIn(entry, field), "name");
      const prefix = own(entry, "prefix");
      return typeof name === "string"
        ? [{ kind, name, prefix: typeof prefix === "string" ? prefix : "" }]
        : [];
    }),
  );

/** Each ConfigMap and Secret that containers take variables from, once. */
export function envSourcesOf(containers: readonly Fields[]): readonly EnvSource[] {
  const all = containers.flatMap(sourcesOfContainer);
  return [...new Map(all.map(({ kind, name }) => [`${kind}/${name}`, { kind, name }])).values()];
}

/** The names of the keys that a ConfigMap or Secret has. */
export const keysIn = (object: Fields): readonly string[] =>
  ["data", "binaryData", "stringData"].flatMap((field) => Object.keys(fieldsIn(object, field)));

/** The same by the manifests among `objects`; undefined for what is not among them. */
export const keysAmong =
  (objects: readonly Fields[], namespace: string): KeysOf =>
  ({ kind, name }) => {
    const found = objects.find(
      (one) => kindOf(one) === kind && nameOf(one) === name && (namespaceIn(one) ?? namespace) === namespace,
    );
    return found && keysIn(found);
  };

/**
 * Variables of `envFrom` that come before the sidecar in the SDKs' search order. The webhook reads no ConfigMap and no Secret, so only
 * a person's command can name them. Pure.
 * @param containers those that get credentials
 */
export function envFromFindings(
  containers: readonly Container[],
  namespace: string,
  keysOf: KeysOf,
): readonly Finding[] {
  return containers.flatMap((container) =>
    sourcesOfContainer(container).flatMap(({ prefix, ...source }) => {
      const what = `${source.kind} ${source.name}`;
      const keys = keysOf(source);
      if (keys === undefined) {
        return [
          finding(
            "CREDENTIALS_MAY_BE_SHADOWED",
            `${named(container)} takes variables from ${what}, which was not read: a key such as AWS_ACCESS_KEY_ID takes precedence over the pod's role.`,
            `See its keys: kubectl describe ${source.kind.toLowerCase()} ${source.name} -n ${namespace}`,
          ),
        ];
      }
      return SHADOWING_VARIABLES.filter((name) => keys.some((key) => prefix + key === name)).map((name) =>
        finding(
          "CREDENTIALS_SHADOWED",
          `${named(container)} takes ${name} from ${what}, which takes precedence over the pod's role.`,
          `Remove the key from ${what}, or take the other keys one by one.`,
        ),
      );
    }),
  );
}
