import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { shellWord } from "../print/shell-word.ts";
import type { Assessed, NamespacePlan } from "./assess.ts";
import { SKIP_LABEL } from "./from/irsa.ts";
import type { OriginName } from "./from/origin.ts";
import { titleOf, type Workload } from "./workloads.ts";

/** Shell scripts that move a namespace to podrole, and back. */
export interface Scripts {
  readonly move: string;
  readonly back: string;
}

/** What `kubectl rollout restart` knows. */
const RESTARTED: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "DaemonSet"]);
/** Kinds whose pod template cannot be changed, or is not one. */
const FIXED: ReadonlySet<string> = new Set(["Pod", "Job", "PodTemplate"]);
/** Kinds that keep their pods when their template changes. */
const KEEPING: ReadonlySet<string> = new Set(["ReplicaSet", "ReplicationController"]);

/**
 * The order keeps pods working: the label comes before the new pods. Pods whose IRSA webhook no longer changes them, but which podrole's
 * does not change yet, would have no role.
 * @param kubectl with the options that choose the cluster
 */
export function scriptsFor(plan: NamespacePlan, origin: OriginName, kubectl: string): Scripts {
  const { name, workloads } = plan;
  const namespace = shellWord(name);
  const movable = workloads.filter(({ verdict }) => verdict !== "refused" && verdict !== "stays");
  const patched = origin === "irsa" ? movable.filter(isPatched) : [];
  const restarted = movable.filter((one) => RESTARTED.has(one.workload.kind) && !patched.includes(one));
  const label = `${kubectl} label namespace ${namespace} ${NAMESPACE_LABEL.key}`;
  const restart =
    restarted.length === 0
      ? []
      : [
          `${kubectl} -n ${namespace} rollout restart ${restarted.map(({ workload }) => referenceOf(workload)).join(" ")}`,
        ];
  const waiting = movable.filter(
    (one) =>
      KEEPING.has(one.workload.kind) ||
      !(RESTARTED.has(one.workload.kind) || one.workload.kind === "CronJob" || patched.includes(one)),
  );
  return {
    move: script([
      ...workloads.filter(({ verdict }) => verdict === "refused").map(refusedLine),
      `${label}=${NAMESPACE_LABEL.value} --overwrite`,
      ...patched.map(({ workload }) => patchLine(kubectl, workload, "true")),
      ...restart,
      ...waiting.map(({ workload }) =>
        comment(`${titleOf(workload)} gets guard and sidecar when its pod is created again.`),
      ),
    ]),
    back: script([
      `${label}-`,
      ...patched.map(({ workload }) => patchLine(kubectl, workload, null)),
      ...restart,
      ...waiting.map(({ workload }) =>
        comment(`${titleOf(workload)} keeps guard and sidecar until its pod is created again.`),
      ),
    ]),
  };
}

/** Whether its template has to get the label. After the migration it has it, and a second run writes the same script. */
const isPatched = ({ workload }: Assessed): boolean =>
  workload.now.kind === "role" && !FIXED.has(workload.kind);

const refusedLine = ({ workload, findings }: Assessed): string => {
  const codes = new Set(findings.filter(({ severity }) => severity === "deny").map(({ code }) => code));
  return comment(
    `${titleOf(workload)} is refused (${[...codes].join(", ")}): correct it first. Its pods that run stay, and no new ones are created.`,
  );
};

/** Names are valid names of Kubernetes by now, so the text is one line. */
const comment = (text: string): string => `# ${text}`;

const referenceOf = ({ kind, name }: Workload): string => shellWord(`${kind.toLowerCase()}/${name}`);

function patchLine(kubectl: string, { kind, name, namespace }: Workload, value: string | null): string {
  const template = { template: { metadata: { labels: { [SKIP_LABEL]: value } } } };
  const spec = kind === "CronJob" ? { jobTemplate: { spec: template } } : template;
  return `${kubectl} -n ${shellWord(namespace)} patch ${kind.toLowerCase()} ${shellWord(name)} --type merge -p ${shellWord(JSON.stringify({ spec }))}`;
}

const script = (lines: readonly string[]): string =>
  `#!/bin/sh\nset -eu\n${lines.map((line) => `${line}\n`).join("")}`;
