import { Option } from "commander";
import { objectName } from "../tls/options.ts";

export const excludeNamespacesOption = (): Option =>
  new Option(
    "--exclude-namespaces <names>",
    "namespaces in which podrole does nothing, beside kube-system and its own",
  )
    .argParser((raw: string) => raw.split(",").map((part) => objectName(part.trim())))
    .default([], "none");
