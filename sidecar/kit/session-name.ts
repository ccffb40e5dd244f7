import { createHash } from "node:crypto";

/** Which pod this is, by the downward API. */
export interface PodIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
}

/** STS: RoleSessionName has 2 to 64 characters of this set. ASCII only, so no `u` flag and no `\p`. */
const NAME_FORBIDDEN = /[^\w+=,.@-]/g;
const NAME_MAX = 64;
/** STS: the value of a session tag has up to 256 characters of this set. */
const TAG_FORBIDDEN = /[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu;
const TAG_MAX = 256;

/**
 * The role session name of one pod. It stays the same for the pod's whole life, since policies and CloudTrail see it in
 * the session's ARN. The part that does not fit is replaced by a hash of the full text and the pod's uid, so that two
 * pods whose long names begin alike never share a name.
 */
export function sessionName(template: string, identity: PodIdentity): string {
  const full = fill(template, identity);
  const clean = full.replaceAll(NAME_FORBIDDEN, "-");
  const fits = clean === full && clean.length >= 2 && clean.length <= NAME_MAX;
  return fits ? full : withHash(clean, NAME_MAX, full, identity);
}

export function tagValue(template: string, identity: PodIdentity): string {
  const full = fill(template, identity);
  const clean = full.replaceAll(TAG_FORBIDDEN, "-");
  return clean === full && clean.length <= TAG_MAX ? full : withHash(clean, TAG_MAX, full, identity);
}

function withHash(clean: string, most: number, full: string, identity: PodIdentity): string {
  const hash = createHash("sha256").update(`${full}\n${identity.podUid}`).digest("hex").slice(0, 12);
  const kept = clean.slice(0, most - hash.length - 1);
  return kept === "" ? hash : `${kept}-${hash}`;
}

/** In one pass, so that a value that looks like a placeholder is not filled in again. */
function fill(template: string, identity: PodIdentity): string {
  return template.replaceAll(
    /\{(namespace|serviceAccount|pod|podUid)\}/g,
    (_, name: keyof PodIdentity) => identity[name],
  );
}
