import { coded } from "../../../sidecar/kit/errors.ts";
import { CONFIG_MAP } from "../../config/config-map.ts";
import type { Fields } from "../../model/read.ts";
import { nameOrThrow, withCluster } from "../live/cluster.ts";
import { INJECTOR } from "../live/deployment.ts";
import type { ClusterOptions } from "../options.ts";
import { installedIn, type Installed } from "./versions.ts";

/** @throws CodedError where the cluster does not answer at all; what the user may not read is among what is unknown */
export async function readInstalled(options: ClusterOptions): Promise<Installed> {
  const namespace = nameOrThrow(options.podroleNamespace, "--podrole-namespace");
  return withCluster(options, async ({ read, server }) => {
    const unknown: string[] = [];
    const allowed = async (path: string): Promise<Fields | undefined> => {
      try {
        return await read(path);
      } catch (error) {
        const { code, message } = coded(error);
        if (code !== "API_REFUSED") throw error;
        unknown.push(message);
        return undefined;
      }
    };
    // First and alone: where nobody answers, one time-out is enough.
    const version = await allowed("/version");
    const [deployment, configMap] = await Promise.all([
      allowed(`/apis/apps/v1/namespaces/${namespace}/deployments/${INJECTOR}`),
      allowed(`/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP}`),
    ]);
    return installedIn({ server, namespace, version, deployment, configMap, unknown });
  });
}
