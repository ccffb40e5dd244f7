import type { GuardMode } from "../../../../sidecar/contract/env.ts";
import type { RoleArn } from "../../../model/arn.ts";

/** One role of one pod. A pod whose containers have roles of their own has several. */
export interface RoleRow extends Owner {
  /** The container that has the role for itself; absent for the pod's own role. */
  readonly container?: string;
  readonly role: RoleArn;
  /** Where the sidecar's identity comes from, such as `web-identity`. */
  readonly source: string;
  /** The rule that allowed the role when the pod was made. Absent of a workload, whose pods are yet to be made. */
  readonly rule?: string;
  readonly now: Now;
  /** What the sidecar said when it was asked. Absent where it was not. */
  readonly session?: Session;
  /** What the kubelet keeps of a sidecar that gave up. */
  readonly refusal?: Refusal;
  /** The session that the broker would make now. */
  readonly broker?: { readonly sessionName: string; readonly isShared: boolean };
}

/** A pod of a labelled namespace that has no role. */
export interface PlainRow extends Owner {
  /** What it would get if it were made now: it was made before, or past the webhook. */
  readonly wouldGet: readonly RoleArn[];
}

/** A pod, or a workload of a manifest, whose pods are yet to be made. */
export interface Owner {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** Of a workload, that of its next pods. `off`: the pod has no guard, and can reach the node's own role. */
  readonly guard: GuardMode | "off";
}

/** What the rules of this moment say about the role that a pod has. */
export type Now =
  | { readonly kind: "allowed"; readonly rule: string }
  /** They allow it no longer. `ends`: the broker ends the session, too. Elsewhere only IAM can. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly ends: boolean }
  /** A pod that is made now would get another role. */
  | { readonly kind: "other-role"; readonly role: RoleArn; readonly from: string }
  | { readonly kind: "no-role" }
  /** What the pod says about its role is no proof, and why: its namespace has no label, or the webhook did not make it so. */
  | { readonly kind: "not-handled"; readonly why: string }
  | { readonly kind: "unknown"; readonly why: string };

export interface Session {
  readonly isHeld: boolean;
  /** RFC 3339; absent while none is held. */
  readonly expiresAt?: string;
  /** Codes of the calls that did not succeed since the sidecar was started, and how often. Of all identities of the pod together. */
  readonly refusals: Readonly<Record<string, number>>;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** RFC 3339, where the kubelet says when. */
  readonly at?: string;
  /** Whether the sidecar still waits for its first session. */
  readonly isCurrent: boolean;
}

/** What a reader has to look at first. */
export type State = "gone" | "refused" | "changed" | "unknown" | "fine";

export function stateOf({ now, session, refusal }: RoleRow): State {
  // Whoever makes a pod past the webhook can write a sidecar and a status as they like.
  if (now.kind === "not-handled") return "unknown";
  if (now.kind === "refused") return "gone";
  if (refusal?.isCurrent === true || (session?.isHeld === false && Object.keys(session.refusals).length > 0))
    return "refused";
  if (now.kind === "unknown") return "unknown";
  return now.kind === "allowed" ? "fine" : "changed";
}

/** The state in a few words. */
export const stateText = (row: RoleRow): string =>
  row.guard === "off" ? `${roleStateText(row)}, no guard` : roleStateText(row);

/** The same without the guard. */
export function roleStateText(row: RoleRow): string {
  const { now, kind, source } = row;
  switch (now.kind) {
    case "allowed":
      return "allowed";
    case "refused":
      if (now.ends) return `rule gone, session ends (${now.code})`;
      if (kind !== "Pod") return `not allowed (${now.code})`;
      return source === "broker" ? `broker refuses (${now.code})` : `rule gone (${now.code})`;
    case "other-role":
      return `new pods ask for ${nameOfRole(now.role)}`;
    case "no-role":
      return "new pods get no role";
    case "not-handled":
      return `${now.why}, role not proven`;
    case "unknown":
      return "not known";
  }
}

/** Path and name. */
export const nameOfRole = (role: RoleArn): string => role.slice(role.indexOf(":role/") + ":role/".length);

/** The session in a few words; empty where nobody knows. */
export function sessionText({ now: { kind }, session, refusal }: RoleRow, now: number): string {
  if (kind === "not-handled") return "";
  if (refusal?.isCurrent === true) return `refused: ${refusal.code}`;
  if (session === undefined) return refusal === undefined ? "" : `last refusal: ${refusal.code}`;
  const codes = Object.keys(session.refusals).join(", ");
  if (!session.isHeld) return codes === "" ? "none yet" : `none: ${codes}`;
  const minutes = Math.round((Date.parse(session.expiresAt ?? "") - now) / 60_000);
  const ends =
    minutes < 0 ? "ended" : minutes < 120 ? `${minutes}m left` : `${Math.round(minutes / 60)}h left`;
  return codes === "" ? ends : `${ends}, refused before: ${codes}`;
}
