import { Command, Option } from "commander";
import { LOG_LEVELS } from "../../sidecar/kit/log.ts";
import { CONFIG_MAP } from "../config/config-map.ts";
import { wholeNumber, withServing } from "../tls/options.ts";
import { VERSION } from "../model/version.ts";

/** The injector's command line, apart from the process it runs in, so that a test can hold the docs against it. */
export const injectorCommand = (): Command =>
  withServing(
    new Command("podrole-injector")
      .description("The admission webhook: gives every pod of a labelled namespace its guard and its role.")
      .version(VERSION)
      .addOption(new Option("--host <address>", "address to listen on").default("::"))
      .addOption(
        new Option("--port <port>", "port to listen on").argParser(wholeNumber(1, 65_535)).default(8443),
      )
      .option("--kubeconfig <file>", "kubeconfig; in a cluster the pod's service account is used")
      .addOption(new Option("--log-level <level>", "how much is logged").choices(LOG_LEVELS).default("info"))
      .option("--config-map <name>", "ConfigMap with the settings, which is followed", CONFIG_MAP)
      .addOption(
        new Option(
          "--config <file>",
          "the settings are in this manifest of a ConfigMap, read once",
        ).conflicts("configMap"),
      )
      .exitOverride(),
  );
