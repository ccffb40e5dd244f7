import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { note, type Note } from "../note.ts";
import type { Association } from "./associations.ts";

/** What podrole makes of the associations' fields beside role and service account. */
export function associationNotes(associations: readonly Association[]): readonly Note[] {
  const more = (message: string): Note => note("FLAG_NOT_CARRIED", message);
  const [without, tagged] = [true, false].map((off) =>
    associations.filter(({ disableSessionTags }) => disableSessionTags === off),
  ) as [Association[], Association[]];
  return [
    ...associations.flatMap(({ target, role, externalId, others, ...of }) => [
      ...(target === undefined
        ? []
        : [
            more(
              `The association of ${nameOf(of)} goes on from ${target} to ${role}${externalId === undefined ? "" : `, with the external id ${JSON.stringify(externalId.slice(0, 200))}`}: with podrole the second role has to trust the pods itself, without an external id.`,
            ),
          ]),
      ...(others.length === 0
        ? []
        : [
            more(
              `The association of ${nameOf(of)} has ${JSON.stringify(others).slice(0, 300)}, which podrole does not know: see whether its pods need that.`,
            ),
          ]),
    ]),
    ...(tagged.length === 0
      ? []
      : [
          more(
            `EKS sets six session tags for ${namesOf(tagged)}. podrole sets those that begin with kubernetes-, and only where it calls AssumeRole: look for aws:PrincipalTag in the policies of their roles.`,
          ),
        ]),
    ...(without.length === 0
      ? []
      : [
          more(
            `EKS sets no session tags for ${namesOf(without)} (disableSessionTags). podrole sets some where it calls AssumeRole, unless options.sessionTags is false.`,
          ),
        ]),
  ];
}

/** @param isAsked whether the pod asks podrole for the policy */
export const sessionPolicyNote = (association: Association, isAsked: boolean): Note =>
  note(
    "SESSION_POLICY",
    isAsked
      ? `The association of ${nameOf(association)} limits ${association.role} by a session policy, and the pod asks for that by ${ANNOTATION.sessionPolicy}. Whoever can change the pod can take this off, unlike the association's: if that is too much, give it a role of its own.`
      : `The association of ${nameOf(association)} limits ${association.role} by a session policy, and the pod template does not have that policy as ${ANNOTATION.sessionPolicy}. Without it podrole would give the whole role, so no trust policy and no RoleGrant is written: add the annotation, and run this again.`,
  );

const nameOf = ({ namespace, serviceAccount }: Pick<Association, "namespace" | "serviceAccount">): string =>
  `${namespace}/${serviceAccount}`;

const namesOf = (associations: readonly Association[]): string => {
  const more = associations.length > SHOWN ? ` and ${associations.length - SHOWN} more` : "";
  return `${associations.slice(0, SHOWN).map(nameOf).join(", ")}${more}`;
};

const SHOWN = 5;
