import { randomUUID } from "node:crypto";
import { serviceAccountOf, type Pod } from "../../../model/pod.ts";
import type { StandIns } from "../aws/standins.ts";

/** A service account token that the demo's kubelet has had minted, bound to a pod. */
export interface MintedToken {
  /** `system:serviceaccount:<namespace>:<name>` */
  readonly subject: string;
  readonly audience: string;
  readonly pod: { readonly name: string; readonly uid: string };
}

/** Makes a token and tells the stand-ins whose it is. */
export async function mintToken(minted: MintedToken, { tell }: Pick<StandIns, "tell">): Promise<string> {
  const token = unsignedToken(minted, Date.now());
  await tell({ minted: { token, ...minted } });
  return token;
}

/** Whose the tokens of a pod are. */
export const ownerOf = (pod: Pod): Omit<MintedToken, "audience"> => ({
  subject: `system:serviceaccount:${pod.metadata?.namespace ?? "default"}:${serviceAccountOf(pod)}`,
  pod: { name: pod.metadata?.name ?? "", uid: String(pod.metadata?.["uid"]) },
});

export const namespaceOf = ({ subject }: MintedToken): string => subject.split(":")[2] ?? "";

/** The claims of a bound token; the stand-ins know it by its text. */
function unsignedToken({ subject, audience, pod }: MintedToken, now: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const [, , namespace, name] = subject.split(":");
  const claims = {
    iss: "https://oidc.example",
    sub: subject,
    aud: [audience],
    exp: Math.floor(now / 1000) + 3600,
    jti: randomUUID(),
    "kubernetes.io": { namespace, pod, serviceaccount: { name } },
  };
  return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.unsigned`;
}
