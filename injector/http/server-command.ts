import { Command, Option } from "commander";
import { LOG_LEVELS, type LogLevel } from "../../sidecar/kit/log.ts";
import { VERSION } from "../model/version.ts";
import { wholeNumber, withServing, type ServedService } from "../tls/options.ts";

/** Commander's names for the options below, without those of TLS. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
  readonly namespace?: string;
  readonly configMap: string;
  readonly config?: string;
}

/** A parser of ports for an option of Commander's. */
export const portNumber = wholeNumber(1, 65_535);

/** The command line of a server with certificate and settings, apart from the process it runs in, so that tests can read it. */
export const serverCommand = (
  name: string,
  description: string,
  { configMap, served }: { readonly configMap: string; readonly served: ServedService },
): Command =>
  withServing(
    new Command(name)
      .description(description)
      .version(VERSION)
      .addOption(new Option("--host <address>", "address to listen on").default("::"))
      .addOption(new Option("--port <port>", "port to listen on").argParser(portNumber).default(8443))
      .option("--kubeconfig <file>", "kubeconfig; in a cluster the pod's service account is used")
      .addOption(
        new Option("--log-level <level>", "least severe level to log").choices(LOG_LEVELS).default("info"),
      )
      .option(
        "--config-map <name>",
        "ConfigMap with the settings; a change takes effect after 5 s",
        configMap,
      )
      .addOption(
        new Option("--config <file>", "file with the ConfigMap's manifest, read once at the start").conflicts(
          "configMap",
        ),
      )
      .exitOverride(),
    served,
  );
