import type { Subject } from "../../trust/subject.ts";
import { note, type Note } from "../note.ts";

/** @param why the service account's pods are not known to have the role now, as a clause */
export const withheld = (role: string, { namespace, serviceAccount }: Subject, why: string): Note =>
  note(
    "TRUST_WITHHELD",
    `Pods of service account ${namespace}/${serviceAccount} ask for ${role}, and ${why}. No trust policy and no RoleGrant of its own is written for that: remove what names the role or, if they are to have it, write these yourself.`,
  );
