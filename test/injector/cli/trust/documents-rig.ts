import type { Source } from "../../../../sidecar/contract/session.ts";
import type { documentsFor } from "../../../../injector/cli/trust/documents.ts";
import type { Need } from "../../../../injector/cli/trust/calls.ts";
import { needOfWishes } from "../../../../injector/cli/trust/need.ts";
import { parsePrincipal } from "../../../../injector/cli/trust/principal.ts";
import { parseIssuer } from "../../../../injector/cli/trust/provider.ts";
import { parseSubject } from "../../../../injector/cli/trust/subject.ts";
import { config } from "../../../support/config.ts";

export const ACCOUNT = "arn:aws:iam::111122223333:";
export const ROLE = `${ACCOUNT}role/team/billing-reader`;
export const OTHER = "arn:aws:iam::444455556666:role/ledger";
export const HUB = `${ACCOUNT}role/hub`;
export const ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/ABC";
export const provider = parseIssuer(`https://${ISSUER}`, "test");
export const nodes = parsePrincipal(`${ACCOUNT}role/nodes`);

interface Ask {
  readonly of?: string;
  readonly source?: Source;
  readonly subjects?: readonly (readonly [string, string])[];
  readonly externalId?: string;
  readonly tags?: string;
}

export const need = (
  { of = ROLE, source = "web-identity", subjects = [["shop", "billing"]], externalId, tags }: Ask = {},
  over: Parameters<typeof config>[0] = {},
): Need =>
  needOfWishes(
    {
      role: of,
      base: undefined,
      source,
      subjects: subjects.map(([namespace, account]) => parseSubject(namespace, account)),
      externalId,
      sessionTags: tags,
    },
    config(over),
  );
export const statements = (documents: ReturnType<typeof documentsFor>, name: string) =>
  documents.find(({ document }) => document === name)?.policy.Statement;
export const codesOf = (documents: ReturnType<typeof documentsFor>) =>
  documents.flatMap(({ warnings }) => warnings.map(({ code }) => code));
