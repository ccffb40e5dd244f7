import { Command, InvalidArgumentError, Option } from "commander";
import { normalAddress } from "../../sidecar/kit/address.ts";
import { LOG_LEVELS, type LogLevel } from "../../sidecar/kit/log.ts";
import { excludeNamespacesOption } from "../http/exclude-namespaces.ts";
import { VERSION } from "../model/version.ts";
import { objectName, placeOptions, wholeNumber } from "../tls/options.ts";

/** The controller's options, by Commander's names. */
export interface ControllerOptions {
  readonly host: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
  readonly certificates: boolean;
  readonly tlsSecret: string;
  readonly caSecret: string;
  readonly service: string;
  readonly namespace?: string;
  readonly webhookConfiguration: string;
  readonly tlsNames: readonly string[];
  readonly configMap: string;
  readonly metadataPolicies: boolean;
  readonly excludeNamespaces: readonly string[];
  readonly brokerCertificates: boolean;
  readonly brokerService: string;
  readonly brokerSecret: string;
  readonly brokerCaSecret: string;
  readonly brokerNames: readonly string[];
}

const names = (raw: string): readonly string[] =>
  raw.split(",").map((part) => {
    const name = part.trim();
    const address = normalAddress(name);
    if (address === undefined && !/^[\w.-]{1,253}$/.test(name))
      throw new InvalidArgumentError("It must hold host names or IP addresses.");
    return address ?? name;
  });

/** The controller's command line, apart from the process it runs in. */
export function controllerCommand(): Command {
  const command = new Command("podrole-controller")
    .description(
      "Maintains certificates, caBundle, RoleGrant status, the accepted forms of pods, NetworkPolicies, and the broker's CA.",
    )
    .version(VERSION)
    .addOption(new Option("--host <address>", "address of health and metrics").default("::"))
    .addOption(
      new Option("--port <port>", "port of health and metrics, over HTTP")
        .argParser(wholeNumber(1, 65_535))
        .default(8080),
    )
    .option("--kubeconfig <file>", "kubeconfig; in a cluster the pod's service account is used")
    .addOption(
      new Option("--log-level <level>", "least severe level to log").choices(LOG_LEVELS).default("info"),
    )
    .option("--no-certificates", "another program maintains the injector's certificate and the caBundle")
    .addOption(
      new Option("--webhook-configuration <name>", "MutatingWebhookConfiguration whose caBundle to maintain")
        .argParser(objectName)
        .default("podrole"),
    )
    .addOption(
      new Option("--ca-secret <name>", "Secret with the keys of CAs, which the injector does not read")
        .argParser(objectName)
        .default("podrole-controller-ca"),
    )
    .addOption(
      new Option("--tls-names <names>", "further names and addresses in the certificate")
        .argParser(names)
        .default([], "none"),
    )
    .addOption(
      new Option("--config-map <name>", "ConfigMap with the settings")
        .argParser(objectName)
        .default("podrole-config"),
    )
    .addOption(
      new Option(
        "--metadata-policies",
        "keep a NetworkPolicy against the metadata service in every labelled namespace",
      ).default(false),
    )
    .addOption(excludeNamespacesOption())
    .addOption(
      new Option(
        "--broker-certificates",
        "keep the broker's CA and certificate, and the CAs that sidecars trust in the setting brokerCa",
      ).default(false),
    )
    .addOption(
      new Option("--broker-service <name>", "Service at which sidecars call the broker")
        .argParser(objectName)
        .default("podrole-broker"),
    )
    .addOption(
      new Option("--broker-secret <name>", "Secret with the broker's certificate, which the broker reads")
        .argParser(objectName)
        .default("podrole-broker-tls"),
    )
    .addOption(
      new Option("--broker-ca-secret <name>", "Secret with the broker's CAs and their keys")
        .argParser(objectName)
        .default("podrole-broker-ca"),
    )
    .addOption(
      new Option("--broker-names <names>", "further names and addresses in the broker's certificate")
        .argParser(names)
        .default([], "none"),
    )
    .exitOverride();
  for (const option of placeOptions()) command.addOption(option);
  return command;
}
