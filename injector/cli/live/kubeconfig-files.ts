import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Environment } from "../io.ts";

/** The files that kubectl would read: those of KUBECONFIG, else the one in the home folder. */
export function kubeconfigFiles({ KUBECONFIG = "", HOME, USERPROFILE }: Environment): readonly string[] {
  const named = KUBECONFIG.split(delimiter).filter((file) => file !== "");
  const own = join(HOME ?? USERPROFILE ?? "/", ".kube", "config");
  return named.length > 0 ? named : [own].filter((file) => existsSync(file));
}
