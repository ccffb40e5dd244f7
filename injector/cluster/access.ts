import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { OutgoingHttpHeaders } from "node:http";
import type { RequestOptions } from "node:https";
import { isIPv6 } from "node:net";

/** Where the API server is, and how a request proves who sends it: the part of client-node's `KubeConfig` that is used. */
export interface ApiAccess {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string } | null;
  getCurrentContext(): string;
  getContextObject(context: string): { readonly namespace?: string } | null;
  /** Adds CA, client certificate, token and, behind a proxy, the agent. Asked before each request. */
  applyToHTTPSOptions(options: RequestOptions & { headers: OutgoingHttpHeaders }): Promise<void>;
}

/** Where the kubelet mounts a pod's service account. */
const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Looks for access where controllers look for it, in their order: the file that was given, `KUBECONFIG`, the pod's
 * service account, `~/.kube/config`.
 *
 * A pod does not load client-node. Kubeconfig files with their exec plugins and proxies need it, and it takes 12 MiB.
 */
export async function findAccess(
  kubeconfig: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
  directory = SERVICE_ACCOUNT_DIR,
): Promise<ApiAccess> {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (kubeconfig === undefined && !KUBECONFIG && host && port && existsSync(`${directory}/token`))
    return serviceAccount(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`, directory);
  const { loadKubeConfig } = await import("./kubeconfig.ts");
  return loadKubeConfig(kubeconfig);
}

/**
 * Token and CA are read again for each request: the kubelet replaces the files, and requests are rare.
 * @param directory holds `token`, `ca.crt` and `namespace`
 */
function serviceAccount(server: string, directory: string): ApiAccess {
  const namespace = readFileSync(`${directory}/namespace`, "utf8").trim();
  return {
    getCurrentCluster: () => ({ server }),
    getCurrentContext: () => "in-cluster",
    getContextObject: () => ({ namespace }),
    applyToHTTPSOptions: async (options) => {
      const [ca, token] = await Promise.all([
        readFile(`${directory}/ca.crt`, "utf8"),
        readFile(`${directory}/token`, "utf8"),
      ]);
      options.ca = ca;
      options.headers["authorization"] = `Bearer ${token.trim()}`;
    },
  };
}

/** The namespace of the service account, or of the kubeconfig's context. */
export const namespaceOf = (access: ApiAccess): string | undefined =>
  access.getContextObject(access.getCurrentContext())?.namespace;
