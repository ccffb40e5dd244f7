import { Command, Option } from "commander";
import { LOG_LEVELS } from "../../sidecar/kit/log.ts";
import { CONFIG_MAP } from "../config/config-map.ts";
import { wholeNumber, withServing } from "../tls/options.ts";
import { VERSION } from "../model/version.ts";

/** The injector's command line, apart from the process it runs in, so that a test can hold the docs against it. */
export const injectorCommand = (): Command =>
  withServing(
    new Command("podrole-injector")
      .description("The admission webhook: injects guard and role into the pods of labelled namespaces.")
      .version(VERSION)
      .addOption(new Option("--host <address>", "address to listen on").default("::"))
      .addOption(
        new Option("--port <port>", "port to listen on").argParser(wholeNumber(1, 65_535)).default(8443),
      )
      .option("--kubeconfig <file>", "kubeconfig; in a cluster the pod's service account is used")
      .addOption(
        new Option("--log-level <level>", "least severe level to log").choices(LOG_LEVELS).default("info"),
      )
      .option(
        "--config-map <name>",
        "ConfigMap with the settings; a change takes effect after 5 s",
        CONFIG_MAP,
      )
      .addOption(
        new Option("--config <file>", "file with the ConfigMap's manifest, read once at the start").conflicts(
          "configMap",
        ),
      )
      .exitOverride(),
  );
