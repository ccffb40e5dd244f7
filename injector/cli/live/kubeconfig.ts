import { existsSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import type { Environment } from "../io.ts";
import { CodedError, messageOf } from "../../../sidecar/kit/errors.ts";
import { kubeconfigFiles } from "./kubeconfig-files.ts";

export interface KubeOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Where KUBECONFIG and HOME are read from if no kubeconfig is named. */
  readonly env?: Environment;
}

/**
 * The kubeconfig that kubectl would use.
 * @throws CodedError `KUBECONFIG_MISSING`, `KUBECONFIG_UNREADABLE` or `CONTEXT_UNKNOWN`
 */
export function kubeConfigFrom({ kubeconfig, context, env = {} }: KubeOptions): KubeConfig {
  const config = new KubeConfig();
  const files = kubeconfig === undefined ? kubeconfigFiles(env) : [kubeconfig];
  const inCluster = existsSync(TOKEN_FILE);
  try {
    for (const file of files) add(config, file);
    if (files.length === 0 && inCluster) config.loadFromCluster();
  } catch (error) {
    // Only the first line: the others quote the file, which holds keys.
    const [why = ""] = messageOf(error).split("\n");
    throw unreadable(
      `The kubeconfig${kubeconfig === undefined ? "" : ` ${kubeconfig}`} cannot be read: ${why}.`,
      error,
    );
  }
  if (files.length === 0 && !inCluster) {
    throw new CodedError(
      "KUBECONFIG_MISSING",
      "There is no kubeconfig, and this is not a pod of a cluster.",
      {
        remedy: "Give --kubeconfig or set KUBECONFIG.",
      },
    );
  }
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context)) {
      throw new CodedError("CONTEXT_UNKNOWN", `The kubeconfig has no context ${JSON.stringify(context)}.`, {
        remedy: `It has ${names.slice(0, 20).join(", ") || "none at all"}.`,
      });
    }
    config.setCurrentContext(context);
  }
  if (!config.getCurrentCluster()) throw unreadable("The kubeconfig's current context names no cluster.");
  return config;
}

/** Mounted into every pod that has a service account. */
const TOKEN_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** The first file that names a current context decides, as with kubectl. */
function add(config: KubeConfig, file: string): void {
  const one = new KubeConfig();
  one.loadFromFile(file);
  config.mergeConfig(one, Boolean(config.currentContext));
}

export const namespaceOf = (config: KubeConfig): string | undefined =>
  config.getContextObject(config.getCurrentContext())?.namespace;

const unreadable = (message: string, cause?: unknown): CodedError =>
  new CodedError("KUBECONFIG_UNREADABLE", message, {
    remedy: "Correct --kubeconfig, KUBECONFIG or --context.",
    cause,
  });
