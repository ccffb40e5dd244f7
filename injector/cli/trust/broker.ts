import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import type { BrokerIdentityType } from "../../model/broker-identity.ts";
import { BROKER } from "../live/deployment.ts";
import { policyOf, type PolicyDocument } from "./document.ts";
import { federated } from "./federated.ts";
import type { Caller } from "./principal.ts";
import type { Provider } from "./provider.ts";

/** How the broker gets the AWS identity that roles trust. */
export type BrokerIdentity =
  | {
      readonly type: "web-identity";
      readonly provider: Provider;
      /** Of the broker's own token for AWS. */
      readonly audience: string;
      /** Where the broker is installed. */
      readonly namespace: string;
    }
  | { readonly type: "node" }
  | { readonly type: "secret" };

type Trusting = Pick<PolicyDocument, "policy" | "explanation" | "warnings">;

/**
 * The trust policy of the broker's own role; undefined where it needs none of podrole's: keys are a user's, and a user trusts nobody.
 * @throws CodedError `USAGE` for an identity that only a role has, and a caller that is none
 */
export function trustOfBroker(caller: Caller, identity: BrokerIdentity): Trusting | undefined {
  switch (identity.type) {
    case "web-identity": {
      const { provider, audience, namespace } = identity;
      const subjects = [{ namespace, serviceAccount: BROKER }];
      return federated(roleOf(caller, identity.type), { subjects, audience, by: "broker" }, provider);
    }
    case "node":
      return trustOfNodes(roleOf(caller, identity.type));
    case "secret":
      return undefined;
  }
}

/** China alone has a name of its own for EC2. */
export const principalOfNodes = (role: RoleArn): string =>
  `ec2.amazonaws.com${role.startsWith("arn:aws-cn:") ? ".cn" : ""}`;

const trustOfNodes = (role: RoleArn): Trusting => ({
  ...policyOf([
    {
      statement: {
        Sid: "NodesOfBroker",
        Effect: "Allow",
        Principal: { Service: principalOfNodes(role) },
        Action: "sts:AssumeRole",
      },
      lines: {
        "Principal.Service":
          "EC2, for instances whose instance profile has this role. Whatever can reach the metadata service of such a node can be the broker: give the role to nodes on which the broker alone runs.",
        Action: "The call by which EC2 gets the role's credentials for the metadata service.",
      },
    },
  ]),
  warnings: [],
});

function roleOf({ arn }: Caller, type: BrokerIdentityType): RoleArn {
  const role = parseRoleArn(arn);
  if (role !== undefined) return role;
  throw new CodedError("USAGE", `The broker's identity ${type} is a role, and --principal ${arn} is none.`, {
    remedy: "Give the role's ARN, or --broker-identity secret where the broker has a user's keys.",
  });
}
