import type { Severity } from "../../model/findings.ts";

/** What `podrole migrate` has to say beside the findings of the decision. The code is the contract; the reference page lists them. */
export const NOTES = {
  TOOL_NOT_FOUND: {
    severity: "warn",
    about: "The tool is not among what was read, so it is taken to run with its defaults.",
  },
  TOOL_DIFFERS: {
    severity: "warn",
    about: "The tool runs several times, with different flags; those of the first count.",
  },
  FLAG_NOT_CARRIED: {
    severity: "warn",
    about: "A flag of the tool has no setting of podrole, or one that pods have to ask for.",
  },
  DEFINED_TWICE: {
    severity: "warn",
    about: "The files hold an object several times, with different contents; the last one counts.",
  },
  NOT_READ: {
    severity: "warn",
    about: "The API server does not let you read something; the report is without it.",
  },
  RULE_UNREADABLE: {
    severity: "warn",
    about: "The tool cannot read a part of a namespace's annotation, so that part allows nothing.",
  },
  RULE_NOT_CARRIED: {
    severity: "warn",
    about:
      "A pattern of a namespace cannot be said by a RoleGrant; podrole reads the annotation itself, anchored.",
  },
  RULE_STAYS: {
    severity: "info",
    about: "The namespace's annotation allows roles beside the RoleGrants until somebody removes it.",
  },
  NAMED_TWICE: {
    severity: "warn",
    about: "Two places name different roles for a pod, and podrole takes another one than the tool.",
  },
  SESSION_NAME_KEPT: {
    severity: "info",
    about:
      "A RoleGrant allows a session name that does not begin with the pod's namespace, since pods use it now.",
  },
  SESSION_POLICY: {
    severity: "warn",
    about:
      "A Pod Identity association limits its role by a session policy, which podrole takes from an annotation of the pod alone.",
  },
  METADATA_USED: {
    severity: "warn",
    about: "A container names the metadata service, which podrole blocks.",
  },
  GUARD_VERIFIES: {
    severity: "warn",
    about: "In this namespace the guard can only check that nodes or network close the metadata service.",
  },
  RECREATE: {
    severity: "info",
    about: "A pod or Job that no workload makes anew has to be created again.",
  },
  STILL_NEEDED: {
    severity: "warn",
    about: "A pod has its role from the tool, and podrole does not take it over.",
  },
  TRUST_UNKNOWN: {
    severity: "warn",
    about: "The trust policies could not be written; the message says what is missing.",
  },
  TRUST_PARTIAL: {
    severity: "warn",
    about:
      "The trust policies hold podrole's statements alone, since --roles does not give what the roles have now.",
  },
  TRUST_WITHHELD: {
    severity: "warn",
    about:
      "A service account's pods ask for a role that they do not have now, or that they are not known to have: no trust policy and no RoleGrant of their own is written for it.",
  },
  TRUST_PARTITION: {
    severity: "warn",
    about:
      "A pod's role is in another partition of AWS than whom it would have to trust, so no policy is for it.",
  },
  TRUST_REFUSES: { severity: "warn", about: "A Deny in the role's trust policy keeps the pods out." },
  ROLE_NAME_SHARED: {
    severity: "warn",
    about:
      "Roles are named that differ only in path or capitals, so that one of them exists at most; no policy is written for the others.",
  },
  ROLE_UNKNOWN: { severity: "warn", about: "A role is not in the file of --roles." },
  POLICY_LONG: { severity: "warn", about: "A trust policy is longer than IAM takes by default." },
} as const satisfies Record<string, { readonly severity: Exclude<Severity, "deny">; readonly about: string }>;

export type NoteCode = keyof typeof NOTES;

export interface Note {
  readonly code: NoteCode;
  readonly severity: Exclude<Severity, "deny">;
  /** A sentence or two. */
  readonly message: string;
}

export const note = (code: NoteCode, message: string): Note => ({
  code,
  severity: NOTES[code].severity,
  message: message.length > 1200 ? `${message.slice(0, 1199)}…` : message,
});
