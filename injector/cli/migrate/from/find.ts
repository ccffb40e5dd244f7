import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { type OriginName, type Origin } from "./origin.ts";
import type { Fields } from "../../../model/read.ts";
import { note, type Note } from "../note.ts";
import type { Association } from "./associations.ts";
import { irsa, IRSA_IMAGE, IRSA_SWITCHES, rolesInConfigMap } from "./irsa.ts";
import { kiam, KIAM_IMAGE, KIAM_SWITCHES } from "./kiam.ts";
import { kube2iam, KUBE2IAM_IMAGE, KUBE2IAM_SWITCHES } from "./kube2iam.ts";
import {
  commonFlags,
  findTool,
  flagsIn,
  isOn,
  whyUnread,
  wordsOf,
  type Flags,
  type FoundTool,
} from "./tool-args.ts";

export interface Given {
  readonly objects: readonly Fields[];
  /** The tool's arguments, instead of those of the objects. */
  readonly args: string | undefined;
  readonly associations: readonly Association[];
}

/** The tool as it runs, by its own flags, which are in the manifests of its DaemonSet or Deployment, or are given. */
export function originFrom(name: OriginName, given: Given): Origin {
  const { objects, args } = given;
  switch (name) {
    case "kube2iam": {
      const found = foundOr(args, objects, KUBE2IAM_IMAGE);
      const { flags, notes } = flagsOf("kube2iam", found, KUBE2IAM_SWITCHES, /^kube2iam[\w.-]*$/);
      return withNotes(kube2iam(flags, found[0]?.env ?? new Map(), namesOf(found)), notes);
    }
    case "kiam": {
      const found = foundOr(args, objects, KIAM_IMAGE);
      const agents = args === undefined ? found.filter(isAgent) : found;
      const servers = args === undefined ? found.filter((one) => !agents.includes(one)) : found;
      const server = flagsOf("kiam's server", servers, KIAM_SWITCHES, KIAM_PROGRAM);
      const agent = flagsOf("kiam's agent", agents, KIAM_SWITCHES, KIAM_PROGRAM);
      return withNotes(kiam(server.flags, agent.flags, namesOf(found)), [...server.notes, ...agent.notes]);
    }
    case "irsa": {
      const found = foundOr(args, objects, IRSA_IMAGE);
      // EKS runs the webhook outside the cluster, with its defaults.
      const { flags, notes } = flagsOf("the webhook", found, IRSA_SWITCHES, /^[\w.-]*webhook$/);
      const configMap = isOn(flags, "watch-config-map")
        ? rolesInConfigMap(objects)
        : new Map<string, string>();
      const parts = { found: namesOf(found), associations: given.associations, configMap };
      return withNotes(irsa(flags, parts), found.length === 0 ? [] : notes);
    }
  }
}

const KIAM_PROGRAM = /^(?:kiam|agent|server)[\w.-]*$/;

/** Before version 3, kiam had a program for each. */
const isAgent = ({ program = "", words }: FoundTool): boolean =>
  words.includes("agent") || program.endsWith("/agent");

const foundOr = (args: string | undefined, objects: readonly Fields[], image: RegExp): readonly FoundTool[] =>
  args === undefined
    ? findTool(objects, image)
    : [{ object: "--tool-args", words: wordsOf(args), env: new Map() }];

const namesOf = (found: readonly FoundTool[]): readonly string[] => [
  ...new Set(found.map(({ object }) => object)),
];

/**
 * @param programs what the tool's own program is called
 * @throws CodedError `TOOL_UNREADABLE`
 */
function flagsOf(
  what: string,
  found: readonly FoundTool[],
  switches: ReadonlySet<string>,
  programs: RegExp,
): { readonly flags: Flags; readonly notes: readonly Note[] } {
  for (const one of found) {
    const why = whyUnread(one, switches, programs);
    if (why !== undefined) throw unread(one, why);
  }
  const { flags, differing } = commonFlags(found.map(({ words }) => flagsIn(words, switches)));
  const [first] = found;
  if (first === undefined) {
    const message = `${what} was not found, so it is taken to run with its defaults. Give its arguments by --tool-args, or its manifest.`;
    return { flags, notes: [note("TOOL_NOT_FOUND", message)] };
  }
  if (differing.length === 0) return { flags, notes: [] };
  const names = differing.map((name) => `--${name}`).join(", ");
  const message = `${namesOf(found).join(", ")} differ in ${names}: those of ${first.object} count. Give others by --tool-args.`;
  return { flags, notes: [note("TOOL_DIFFERS", message)] };
}

const unread = ({ object }: FoundTool, why: string): CodedError =>
  new CodedError("TOOL_UNREADABLE", `The flags of ${object} cannot be read: ${why}.`, {
    remedy: "Which roles pods have now depends on them: give them by --tool-args.",
  });

const withNotes = (origin: Origin, notes: readonly Note[]): Origin => ({
  ...origin,
  notes: [...notes, ...origin.notes],
});
