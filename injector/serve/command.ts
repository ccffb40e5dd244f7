import type { Command } from "commander";
import { CONFIG_MAP } from "../config/config-map.ts";
import { serverCommand } from "../http/server-command.ts";
import { INJECTOR_SERVICE } from "../tls/options.ts";

export const injectorCommand = (): Command =>
  serverCommand(
    "podrole-injector",
    "The admission webhook: injects guard and role into the pods of labelled namespaces.",
    { configMap: CONFIG_MAP, served: INJECTOR_SERVICE },
  );
