import { fieldsIn, metadataOf, nameOf, own, recordsIn, stringMap, type Fields } from "../../../model/read.ts";

/** Labels by which clusters on AWS (and GKE) mark the nodes of a pool. The first that a node has counts. */
const POOL_LABELS = [
  "eks.amazonaws.com/nodegroup",
  "karpenter.sh/nodepool",
  "alpha.eksctl.io/nodegroup-name",
  "kops.k8s.io/instancegroup",
  "cloud.google.com/gke-nodepool",
  // Of every cloud: nodes of one type need not be set up alike, but it is better than no group at all.
  "node.kubernetes.io/instance-type",
] as const;
export type PoolLabel = (typeof POOL_LABELS)[number];

export interface PoolNode {
  readonly name: string;
  /** Of EC2. */
  readonly instance: string | undefined;
}

/** Nodes that are set up alike, as far as labels tell. */
export interface Pool {
  /** As `kubectl get nodes -l` takes it, such as `karpenter.sh/nodepool=spot`. */
  readonly name: string;
  readonly label: PoolLabel | undefined;
  /** Those that are ready and take pods; the oldest first, as it may be from before a change of the pool. */
  readonly nodes: readonly PoolNode[];
}

export interface Pools {
  /** By name. */
  readonly pools: readonly Pool[];
  readonly windows: number;
  /** Nodes that are no machines: AWS Fargate's and virtual kubelets. */
  readonly virtual: number;
}

export function poolsOf(nodes: readonly Fields[]): Pools {
  const linux = nodes.filter((node) => labelsOf(node)["kubernetes.io/os"] !== "windows");
  const machines = linux.filter((node) => !isVirtual(labelsOf(node)));
  const groups = Map.groupBy(machines, (node) => poolName(labelsOf(node)));
  const pools = [...groups].map(([name, group]): Pool => {
    const fit = group.filter(isFit).toSorted((one, other) => (ageKey(one) < ageKey(other) ? -1 : 1));
    return {
      name,
      label: POOL_LABELS.find((label) => name.startsWith(`${label}=`)),
      nodes: fit.map((node) => ({ name: nameOf(node), instance: instanceOf(node) })),
    };
  });
  return {
    pools: pools.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    windows: nodes.length - linux.length,
    virtual: linux.length - machines.length,
  };
}

type Labels = Readonly<Record<string, string>>;

const labelsOf = (node: Fields): Labels => stringMap(own(metadataOf(node), "labels"));

function poolName(labels: Labels): string {
  const label = POOL_LABELS.find((key) => labels[key] !== undefined);
  return label === undefined ? "nodes without a pool's label" : `${label}=${labels[label]}`;
}

const isVirtual = (labels: Labels): boolean =>
  labels["eks.amazonaws.com/compute-type"] === "fargate" || labels["type"] === "virtual-kubelet";

/** Taints of nodes that are about to go. */
const LEAVING = /^(?:ToBeDeletedByClusterAutoscaler|karpenter\.sh\/disrupt(?:ed|ion))$/;

function isFit(node: Fields): boolean {
  const spec = fieldsIn(node, "spec");
  const isReady = recordsIn(fieldsIn(node, "status"), "conditions").some(
    (one) => own(one, "type") === "Ready" && own(one, "status") === "True",
  );
  return (
    isReady &&
    own(spec, "unschedulable") !== true &&
    own(metadataOf(node), "deletionTimestamp") == null &&
    !recordsIn(spec, "taints").some((taint) => LEAVING.test(String(own(taint, "key"))))
  );
}

const ageKey = (node: Fields): string =>
  `${String(own(metadataOf(node), "creationTimestamp"))} ${nameOf(node)}`;

const instanceOf = (node: Fields): string | undefined =>
  /^aws:\/\/\/.*\/(?<id>i-[0-9a-f]+)$/.exec(String(own(fieldsIn(node, "spec"), "providerID")))?.groups?.[
    "id"
  ];

/** The fields that are read here. Those of a node are most of a list of nodes: its images, its addresses. */
export function slimNode(node: Fields): Fields {
  const { name, labels, creationTimestamp, deletionTimestamp } = metadataOf(node);
  const { taints, unschedulable, providerID } = fieldsIn(node, "spec");
  const { conditions } = fieldsIn(node, "status");
  return {
    metadata: { name, labels, creationTimestamp, deletionTimestamp },
    spec: { taints, unschedulable, providerID },
    status: { conditions },
  };
}
