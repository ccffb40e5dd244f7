import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { Refusal } from "../../../cluster/api-server.ts";
import { isRecord, own, fieldsIn } from "../../../model/read.ts";
import type { LiveCluster } from "../../live/cluster.ts";
import { READ_MS } from "../../live/reader.ts";

/** One right in the whole cluster that the broker needs. */
export interface BrokerRight {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
}

/** Without the first it knows no pod's token, without the second no pod, and without the others no rule. */
export const BROKER_RIGHTS: readonly BrokerRight[] = [
  { verb: "create", group: "authentication.k8s.io", resource: "tokenreviews" },
  { verb: "get", group: "", resource: "pods" },
  { verb: "list", group: "", resource: "namespaces" },
  { verb: "watch", group: "", resource: "namespaces" },
  { verb: "list", group: "podrole.dev", resource: "rolegrants" },
  { verb: "watch", group: "podrole.dev", resource: "rolegrants" },
];

const PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/**
 * The rights that the broker lacks, by a SubjectAccessReview for each: a question, which the API server stores nowhere.
 * @throws CodedError `API_REFUSED`, or Error where there was no answer
 */
export async function rightsLacking(
  { namespace, serviceAccount }: { readonly namespace: string; readonly serviceAccount: string },
  { api }: LiveCluster,
): Promise<readonly BrokerRight[]> {
  const user = `system:serviceaccount:${namespace}:${serviceAccount}`;
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  const answers = await Promise.all(
    BROKER_RIGHTS.map(async (right) => {
      const review = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, groups, resourceAttributes: { ...right } },
      };
      const answer = await api.create(PATH, review, READ_MS, AbortSignal.timeout(2 * READ_MS)).catch(refused);
      const allowed = own(fieldsIn(isRecord(answer) ? answer : {}, "status"), "allowed");
      return { right, allowed };
    }),
  );
  return answers.filter(({ allowed }) => allowed !== true).map(({ right }) => right);
}

function refused(error: unknown): never {
  if (!(error instanceof Refusal)) throw error;
  const said = error.said === "" ? `HTTP ${error.status}` : error.said;
  throw new CodedError(
    "API_REFUSED",
    `The API server does not say what the broker may do, by a SubjectAccessReview: ${said}`,
  );
}
