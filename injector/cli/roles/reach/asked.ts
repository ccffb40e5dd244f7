import { decideRole } from "../../../decide/policy.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import { parseRoleArn, type RoleArn } from "../../../model/arn.ts";
import { globMatches, globOf, type Glob } from "../../../model/glob.ts";
import { asGlob } from "../../../decide/pattern.ts";
import { isOfExpressions, type Group } from "./reach.ts";

/** An account that no rule names: a role of it is allowed only where those of every account are. */
const ANYWHERE = "arn:aws:iam::000000000000:role/";
const ALL = "*";

/** The roles that somebody asks about in full: by ARN, or by a name behind the base ARN. Pure. */
export const rolesAsked = (
  texts: readonly string[] = [],
  { baseRoleArn: base }: Pick<InjectorConfig, "baseRoleArn">,
): readonly RoleArn[] =>
  texts.flatMap((text) => parseRoleArn(text) ?? parseRoleArn(`${base ?? ""}${text}`) ?? []);

/**
 * Whether a group of service accounts may take a role that somebody asks about, also one that the cluster does not know by name. Of an ARN
 * or a name the deciding function says so, for each account and path that a rule begins with. Of a text with stars the rules' patterns are
 * compared with it, likewise: it says yes where a role could match both. Pure.
 */
export function mayTake(text: string, { reach, facts }: Group, config: InjectorConfig): boolean {
  const { mode, serviceAccounts, open, rules } = reach;
  if (facts === undefined || mode === undefined) return false;
  const isAllowed = (role: RoleArn | undefined): boolean =>
    role !== undefined && decideRole(role, facts, serviceAccounts[0] ?? "", mode, config).allowed;
  const patterns = rules.flatMap((one) => (one.effect === "Allow" ? one.patterns : []));
  if (text.startsWith("arn:") && !text.includes(ALL)) return isAllowed(parseRoleArn(text));
  const places = placesOf(text, [ANYWHERE, config.baseRoleArn ?? ANYWHERE, ...patterns]);
  if (!text.includes(ALL)) return places.some((place) => isAllowed(parseRoleArn(place + text)));
  if (open !== undefined) return true;
  const asked = (text.startsWith("arn:") ? [text] : [text, ...places.map((place) => place + text)]).map(
    globOf,
  );
  return rules.some(({ rule, effect, patterns: written }) => {
    const globs = written.map(isOfExpressions(config)(rule) ? asGlob : globOf);
    // Nobody can tell what an expression has in common with a text.
    return (
      effect === "Allow" && globs.some((one) => one === undefined || asked.some((glob) => meet(glob, one)))
    );
  });
}

/** Where the role could be: the accounts, and for a name without a path the paths, that patterns begin with, be they globs or expressions. */
function placesOf(text: string, patterns: readonly string[]): readonly string[] {
  const hasPath = text.includes("/");
  const heads = patterns.map((one) => one.replace(/^\^/, "").replaceAll("\\", "").split(ALL)[0] ?? "");
  const ends = (head: string): readonly number[] =>
    hasPath ? [head.indexOf("/")] : [head.indexOf("/"), head.lastIndexOf("/")];
  return [...new Set(heads.flatMap((head) => ends(head).map((end) => head.slice(0, end + 1))))];
}

/** Whether some text matches both. What is between stars finds a place in a longer text, so only the ends can be at odds. */
function meet(a: Glob, b: Glob): boolean {
  if (a.tail === undefined) return globMatches(b, a.text);
  if (b.tail === undefined) return globMatches(a, b.text);
  return (
    (a.head.startsWith(b.head) || b.head.startsWith(a.head)) &&
    (a.tail.endsWith(b.tail) || b.tail.endsWith(a.tail))
  );
}
