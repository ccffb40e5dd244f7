import { fieldsIn, own, type Fields } from "../../../model/read.ts";
import type { LiveCluster } from "../../live/cluster.ts";
import { BROKER } from "../../live/deployment.ts";
import { chainIn } from "../certificates.ts";
import type { CheckFacts, Reading } from "../facts.ts";
import { mapped, reading } from "../reading.ts";
import { rightsLacking } from "./access.ts";
import { askReplicas } from "./readyz.ts";

type BrokerFacts = Pick<
  CheckFacts,
  | "brokerDeployment"
  | "brokerService"
  | "brokerEndpointSlices"
  | "brokerCertificate"
  | "brokerReadyz"
  | "brokerRights"
>;

export const NO_BROKER: BrokerFacts = {
  brokerDeployment: { kind: "absent" },
  brokerService: { kind: "absent" },
  brokerEndpointSlices: { kind: "absent" },
  brokerCertificate: { kind: "absent" },
  brokerReadyz: { kind: "absent" },
  brokerRights: { kind: "absent" },
};

interface Reads {
  readonly one: (path: string) => Promise<Reading>;
  readonly all: (path: string) => Promise<Reading<readonly Fields[]>>;
}

/** What is judged of the broker, read at once but for what depends on its Deployment. */
export async function gatherBroker(
  place: string,
  { one, all }: Reads,
  cluster: LiveCluster,
): Promise<BrokerFacts> {
  const named = `/api/v1/namespaces/${place}`;
  const [brokerDeployment, brokerService, brokerEndpointSlices, secret, pods] = await Promise.all([
    one(`/apis/apps/v1/namespaces/${place}/deployments/${BROKER}`),
    one(`${named}/services/${BROKER}`),
    all(
      `/apis/discovery.k8s.io/v1/namespaces/${place}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${BROKER}`,
    ),
    one(`${named}/secrets/${BROKER}-tls`),
    all(`${named}/pods?labelSelector=app.kubernetes.io%2Fname%3D${BROKER}`),
  ]);
  const [brokerReadyz, brokerRights] = await Promise.all([
    mapped(pods, (found) => askReplicas(found, cluster)),
    brokerDeployment.kind === "found"
      ? reading(() =>
          rightsLacking({ namespace: place, serviceAccount: accountIn(brokerDeployment.value) }, cluster),
        )
      : Promise.resolve(brokerDeployment),
  ]);
  const brokerCertificate = await mapped(secret, async (found) => chainIn(found) ?? "");
  return {
    brokerDeployment,
    brokerService,
    brokerEndpointSlices,
    brokerCertificate,
    brokerReadyz,
    brokerRights,
  };
}

function accountIn(deployment: Fields): string {
  const account = own(
    fieldsIn(fieldsIn(fieldsIn(deployment, "spec"), "template"), "spec"),
    "serviceAccountName",
  );
  return typeof account === "string" ? account : "default";
}
