import { fieldsIn, nameOf, own, recordsIn, strings, type Fields } from "../../../model/read.ts";
import { kindOf, namespaceIn, templateOf } from "../../../model/workload.ts";

/** The flags of one program by their names, without dashes. A flag without a value is `true`. */
export type Flags = ReadonlyMap<string, string>;

/** A program of a tool, such as kiam's agent, as an object of the cluster runs it. */
export interface FoundTool {
  /** `DaemonSet kube-system/kube2iam` */
  readonly object: string;
  /** What the container runs instead of the image's own program. */
  readonly program?: string;
  readonly words: readonly string[];
  /** Of the container, as far as the manifest has them. */
  readonly env: ReadonlyMap<string, string>;
}

/** Every container with an image of this name, whatever its registry and tag. */
export function findTool(objects: readonly Fields[], image: RegExp): readonly FoundTool[] {
  return objects.flatMap((object) => {
    const template = kindOf(object) === "Pod" ? undefined : templateOf(object);
    if (template === undefined) return [];
    const namespace = namespaceIn(object) ?? "default";
    return recordsIn(fieldsIn(template.pod, "spec"), "containers")
      .filter((container) => image.test(bareImage(own(container, "image"))))
      .map((container) => {
        const env = envOf(container);
        const [program, ...rest] = strings(own(container, "command"));
        const words = [...rest, ...strings(own(container, "args"))];
        return {
          object: `${kindOf(object)} ${namespace}/${nameOf(object)}`,
          ...(program === undefined ? {} : { program }),
          // As the kubelet does.
          words: words.map((word) =>
            word.replaceAll(/\$\((\w+)\)/g, (all, name: string) => env.get(name) ?? all),
          ),
          env,
        };
      });
  });
}

const envOf = (container: Fields): ReadonlyMap<string, string> =>
  new Map(
    recordsIn(container, "env").flatMap((one): [string, string][] => {
      const [name, value] = [own(one, "name"), own(one, "value")];
      return typeof name === "string" && typeof value === "string" ? [[name, value]] : [];
    }),
  );

/** An image's path without registry, tag and digest: `uswitch/kiam`. */
function bareImage(image: unknown): string {
  if (typeof image !== "string") return "";
  return image
    .slice(0, 500)
    .replace(/@.*$/, "")
    .replace(/:[^:/]*$/, "");
}

/**
 * Flags as pflag and kingpin read them: `--name=value`, `--name value`, and of switches `--name`, `--name=false` and `--no-name`.
 * @param switches the names of flags that take no value of their own
 */
export const flagsIn = (words: readonly string[], switches: ReadonlySet<string>): Flags =>
  readWords(words, switches).flags;

function readWords(
  words: readonly string[],
  switches: ReadonlySet<string>,
): { readonly flags: Flags; readonly others: readonly string[] } {
  const flags = new Map<string, string>();
  const others: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const [, name = "", value] = FLAG.exec(words[at] ?? "") ?? [];
    const positive = name.replace(/^no-/, "");
    if (name === "") others.push(words[at] ?? "");
    else if (switches.has(name)) flags.set(name, value ?? "true");
    else if (switches.has(positive)) flags.set(positive, "false");
    else if (value !== undefined) flags.set(name, value);
    // Not known here: it may be a switch, and a flag is hardly a value.
    else if (FLAG.test(words[at + 1] ?? "")) flags.set(name, "");
    else {
      at += 1;
      flags.set(name, words[at] ?? "");
    }
  }
  return { flags, others };
}

const FLAG = /^--?([a-z0-9][a-z0-9._-]*)(?:=([^]*))?$/i;

const SHELL = /^(?:a|ba|da|k|z)?sh$|^busybox$/;
/** What may stand between flags: the end of an init's own, and the value of a switch, which the tools ignore. */
const BESIDE_FLAGS: ReadonlySet<string> = new Set(["--", "true", "false"]);

const fileOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/**
 * Why not all of the tool's flags can be read, as a clause; undefined if they can. What a shell makes of its text is not known here, and a
 * flag that is passed over may be the one that restricts the roles.
 * @param names what the tool's own program and its commands are called
 */
export function whyUnread(
  { program, words }: Pick<FoundTool, "program" | "words">,
  switches: ReadonlySet<string>,
  names: RegExp,
): string | undefined {
  const { flags, others } = readWords(words, switches);
  const shown = (text: string): string => JSON.stringify(text.slice(0, 120));
  const isOwn = (path: string): boolean => names.test(fileOf(path));
  // None of the tools has a flag -c.
  if (SHELL.test(fileOf(program ?? "")) || flags.has("c")) return "a shell runs it";
  const odd = others.find((word) => !BESIDE_FLAGS.has(word) && !isOwn(word));
  if (odd !== undefined) return `${shown(odd)} among its arguments is no flag`;
  if (program !== undefined && !isOwn(program) && flags.size === 0)
    return `${shown(program)} runs it, without a flag`;
  const open = DECISIVE.find((flag) => flags.get(flag)?.includes("$(") === true);
  return open === undefined ? undefined : `--${open} has a variable that the manifest does not hold`;
}

/** The flags by which it is decided which role a pod gets. */
export const DECISIVE: readonly string[] = (
  "base-role-arn auto-discover-base-arn auto-discover-default-role default-role iam-role-key iam-external-id " +
  "namespace-key namespace-restrictions namespace-restriction-format " +
  "role-base-arn role-base-arn-autodetect disable-strict-namespace-regexp assume-role-arn " +
  "annotation-prefix token-audience compose-role-arn watch-config-map"
).split(" ");

/** Flags that several objects have, such as one DaemonSet for each kind of node, and those in which they differ. */
export function commonFlags(all: readonly Flags[]): {
  readonly flags: Flags;
  readonly differing: readonly string[];
} {
  const [first = new Map<string, string>()] = all;
  const differing = DECISIVE.filter((name) => all.some((one) => one.get(name) !== first.get(name)));
  return { flags: first, differing };
}

export const isOn = (flags: Flags, name: string): boolean =>
  ["true", "1", "t"].includes((flags.get(name) ?? "").toLowerCase());

/** The words of a command line that a person typed as one text. */
export const wordsOf = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== "");

export const isObjectOf = (object: Fields, apiVersion: string, kind: string): boolean =>
  own(object, "apiVersion") === apiVersion && own(object, "kind") === kind;
