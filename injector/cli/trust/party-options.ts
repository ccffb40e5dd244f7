import { Option, type Command } from "commander";
import { TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import { BROKER_IDENTITIES } from "../../model/broker-identity.ts";

/** Adds the options that say whom roles trust. */
export const withPartyOptions = (command: Command): Command =>
  command
    .option("--oidc-issuer <url>", "issuer of the cluster's tokens (default: read from the API server)")
    .option("--oidc-provider <arn>", "ARN of IAM's OIDC provider, instead of --oidc-issuer")
    .option(
      "--principal <arn>",
      "sources node, ambient and broker: ARN of the role or user that calls STS; in source broker, the broker's",
    )
    .addOption(
      new Option(
        "--broker-identity <type>",
        "source broker: how the broker gets that identity, as in the chart's broker.identity (default: web-identity " +
          "for a role, secret for a user)",
      ).choices(BROKER_IDENTITIES),
    )
    .option(
      "--broker-audience <audience>",
      `source broker: audience of the broker's own token for AWS (default: ${TOKEN_VOLUME.audience})`,
    );
