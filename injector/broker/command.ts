import { Option, type Command } from "commander";
import { CONFIG_MAP } from "../config/config-map.ts";
import { excludeNamespacesOption } from "../http/exclude-namespaces.ts";
import { portNumber, serverCommand, type ServerOptions } from "../http/server-command.ts";
import { BROKER_IDENTITIES, type BrokerIdentityType } from "../model/broker-identity.ts";
import { BROKER_SERVICE, wholeNumber } from "../tls/options.ts";

/** The broker's options, by Commander's names, without those of TLS. */
export interface BrokerOptions extends ServerOptions {
  readonly healthPort: number;
  readonly identity?: BrokerIdentityType;
  readonly stsCallsPerSecond: number;
  readonly excludeNamespaces: readonly string[];
}

export const brokerCommand = (): Command =>
  serverCommand(
    "podrole-broker",
    "Makes the AWS sessions of pods of source broker: each time it asks whose token it is shown, and whether the rules allow the role.",
    { configMap: CONFIG_MAP, served: BROKER_SERVICE },
  )
    .addOption(
      new Option("--health-port <port>", "port of health and metrics, over HTTP")
        .argParser(portNumber)
        .default(8080),
    )
    .addOption(
      new Option(
        "--identity <kind>",
        "where the broker's own AWS identity comes from (default: secret where AWS_ACCESS_KEY_ID is set, else web-identity)",
      ).choices(BROKER_IDENTITIES),
    )
    .addOption(
      new Option("--sts-calls-per-second <calls>", "how many calls to STS this replica makes at most")
        .argParser(wholeNumber(1, 10_000))
        .default(200),
    )
    .addOption(excludeNamespacesOption());

/** The node's role is never taken unless it was asked for. */
export const identityOf = (
  { identity }: Pick<BrokerOptions, "identity">,
  env: Readonly<Record<string, string | undefined>>,
): BrokerIdentityType => identity ?? (env["AWS_ACCESS_KEY_ID"] ? "secret" : "web-identity");
