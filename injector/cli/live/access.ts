import type { KubeConfig } from "@kubernetes/client-node";
import { CodedError, messageOf } from "../../../sidecar/kit/errors.ts";
import type { ApiAccess } from "../../cluster/access.ts";

/** What a credential plugin said is shown up to here. */
const WHY_MAX = 200;

/**
 * The kubeconfig's access to its cluster. A file that is missing, or a credential plugin that fails, is reported as that: a
 * request would report that the API server cannot be reached, which nobody has tried by then.
 */
export const accessOf = (kube: KubeConfig): ApiAccess => ({
  getCurrentCluster: () => kube.getCurrentCluster(),
  getCurrentContext: () => kube.getCurrentContext(),
  getContextObject: (context) => kube.getContextObject(context),
  /** @throws CodedError `KUBECONFIG_UNUSABLE` */
  applyToHTTPSOptions: async (options) => {
    try {
      await kube.applyToHTTPSOptions(options);
    } catch (error) {
      const [why = ""] = messageOf(error).trim().split("\n");
      throw new CodedError(
        "KUBECONFIG_UNUSABLE",
        `The kubeconfig gives no access to the cluster: ${why.slice(0, WHY_MAX).replace(/\.$/, "")}.`,
        { remedy: "Correct it, log in to the cluster again, or choose another --context.", cause: error },
      );
    }
  },
});
