import { KubeConfig } from "@kubernetes/client-node";
import { CodedError } from "../../../sidecar/kit/errors.ts";

export interface KubeOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/**
 * The kubeconfig that kubectl would use.
 * @throws CodedError `KUBECONFIG_MISSING`, `KUBECONFIG_UNREADABLE` or `CONTEXT_UNKNOWN`
 */
export function kubeConfigFrom({ kubeconfig, context }: KubeOptions): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    // The first line alone: a YAML parser's others quote the file, which holds keys.
    const [why = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw unreadable(
      `The kubeconfig${kubeconfig === undefined ? "" : ` ${kubeconfig}`} cannot be read: ${why}.`,
      error,
    );
  }
  if (kubeconfig === undefined && isLastResort(config)) {
    throw new CodedError(
      "KUBECONFIG_MISSING",
      "There is no kubeconfig, and this is no pod of a cluster either.",
      {
        remedy: "Give --kubeconfig, set KUBECONFIG, or explain manifests with -f.",
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

/** What the library makes up where it finds nothing: an API server that nobody has asked for. */
const isLastResort = (config: KubeConfig): boolean =>
  config.getCurrentContext() === "loaded-context" &&
  config.getCurrentCluster()?.server === "http://localhost:8080";

export const namespaceOf = (config: KubeConfig): string | undefined =>
  config.getContextObject(config.getCurrentContext())?.namespace;

const unreadable = (message: string, cause?: unknown): CodedError =>
  new CodedError("KUBECONFIG_UNREADABLE", message, {
    remedy: "Correct --kubeconfig, KUBECONFIG or --context.",
    cause,
  });
