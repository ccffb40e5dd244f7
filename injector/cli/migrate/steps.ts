import { join } from "node:path";
import { toYaml } from "../input/yaml-text.ts";
import type { NewFile } from "../print/write-files.ts";
import { shellWord } from "../print/shell-word.ts";
import type { NamespacePlan } from "./assess.ts";
import type { Origin } from "./from/origin.ts";
import type { GrantObject } from "./grants.ts";
import { scriptsFor } from "./namespace-scripts.ts";
import type { Programs } from "./programs.ts";
import { removal, type Caller } from "./removal.ts";
import type { Step } from "./step.ts";
import type { TrustPlan } from "./trust/policies.ts";

export interface Plan {
  readonly folder: string;
  readonly origin: Origin;
  readonly programs: Programs;
  readonly caller: Caller;
  readonly podroleNamespace: string;
  /** Whether podrole is in the cluster already. */
  readonly isInstalled: boolean;
  readonly values: object;
  /** The mode of the policy once everything has moved; undefined: the source's own. */
  readonly policy: string | undefined;
  /** Whether the mode `audit` may stand in for it until then. */
  readonly audits: boolean;
  readonly grants: readonly GrantObject[];
  readonly trust: TrustPlan | undefined;
  readonly plans: readonly NamespacePlan[];
}

/** The steps, and the files that they use. Pure. */
export function stepsFor(plan: Plan): {
  readonly steps: readonly Step[];
  readonly files: readonly NewFile[];
} {
  const { folder, origin, plans, grants, trust, programs } = plan;
  const { kubectl } = programs;
  const at = (...parts: readonly string[]): string => join(folder, ...parts).replace(/^-/, "./-");
  const moving = plans.filter(({ moves }) => moves === true);
  const [last, first] = [true, false].map((wanted) =>
    moving.filter(({ verifies }) => (verifies && origin.intercepts) === wanted),
  );
  const scripts = new Map(moving.map((one) => [one.name, scriptsFor(one, origin.name, kubectl)]));
  const files: NewFile[] = [{ path: at("values.yaml"), text: toYaml(plan.values) }];
  if (grants.length > 0) files.push({ path: at("grants.yaml"), text: grantsText(grants) });
  for (const [name, { move, back }] of scripts) {
    files.push(
      { path: at("namespaces", name, "move.sh"), text: move },
      { path: at("namespaces", name, "back.sh"), text: back },
    );
  }
  const ofRules = rulesScripts(plan, moving);
  files.push(
    ...(ofRules === undefined
      ? []
      : [
          { path: at("remove-rules.sh"), text: ofRules.remove },
          { path: at("restore-rules.sh"), text: ofRules.restore },
        ]),
    ...(trust === undefined ? [] : trust.files),
    ...(trust === undefined || trust.set === ""
      ? []
      : [{ path: at("set-trust.sh"), text: withHead(trust.set) }]),
    ...(trust === undefined || trust.restore === ""
      ? []
      : [{ path: at("restore-trust.sh"), text: withHead(trust.restore) }]),
  );
  const move = ({ name, workloads }: NamespacePlan): Step => {
    const refused = workloads.filter(({ verdict }) => verdict === "refused").length;
    return {
      title: `Move namespace ${name}`,
      about:
        refused === 0
          ? []
          : [
              `First correct what is refused in it (${refused}), and run this command again with another --dir, since no trust policy is written for that. Or leave this namespace as it is.`,
            ],
      commands: [
        `sh ${shellWord(at("namespaces", name, "move.sh"))}`,
        programs.podrole(`explain -n ${shellWord(name)} ${exampleOf(workloads)}`),
      ],
      back: [`sh ${shellWord(at("namespaces", name, "back.sh"))}`],
    };
  };
  const steps = [
    install(plan, at("values.yaml")),
    ...(grants.length === 0
      ? []
      : [
          {
            title: "Allow the roles",
            about: [],
            commands: [`${kubectl} apply -f ${shellWord(at("grants.yaml"))}`],
            back: [`${kubectl} delete -f ${shellWord(at("grants.yaml"))}`],
          },
        ]),
    ...trustStep(trust, at),
    ...cleanFirst(first ?? []).map(move),
    enforce(plan),
    ...(origin.intercepts ? [removal(origin, plan.caller)] : []),
    ...(last ?? []).map(move),
    ...(ofRules === undefined
      ? []
      : [
          {
            title: "Let the RoleGrants alone decide",
            about: ["This removes the namespaces' own rules, which podrole reads, too."],
            commands: [`sh ${shellWord(at("remove-rules.sh"))}`],
            back: [`sh ${shellWord(at("restore-rules.sh"))}`],
          },
        ]),
  ];
  return { steps, files };
}

/** Namespaces in which nothing is refused go before the others. */
const cleanFirst = (plans: readonly NamespacePlan[]): readonly NamespacePlan[] => {
  const isClean = ({ workloads }: NamespacePlan): boolean =>
    workloads.every(({ verdict }) => verdict !== "refused");
  return [...plans.filter(isClean), ...plans.filter((one) => !isClean(one))];
};

function install({ podroleNamespace, audits, policy, isInstalled, programs }: Plan, values: string): Step {
  const namespace = shellWord(podroleNamespace);
  const until = audits && policy !== undefined ? " --set options.policy=audit" : "";
  return {
    title: "Install podrole",
    about: [
      isInstalled
        ? "podrole is installed. These commands give it the settings of values.yaml, and set all others back to the chart's: add your own values and images."
        : "Add your images, as deploy/README.md says. No namespace has the label yet, so nothing changes for any pod.",
      ...(until === "" ? [] : [`Mode audit allows every role, and warns of what ${policy} would refuse.`]),
    ],
    commands: [
      `${programs.helm} upgrade --install podrole deploy/chart --namespace ${namespace} --create-namespace -f ${shellWord(values)}${until} --set ${shellWord("admissionPolicy.validationActions={Warn}")}`,
      programs.podrole("check --wait"),
    ],
    back: [`${programs.helm} uninstall podrole --namespace ${namespace}`],
  };
}

function trustStep(
  trust: TrustPlan | undefined,
  at: (...parts: readonly string[]) => string,
): readonly Step[] {
  if (trust === undefined) return [];
  const partial = trust.policies.filter(({ state }) => state === "add");
  if (trust.set === "" && partial.length === 0) return [];
  const [replacing, beside] = [true, false].map((wanted) =>
    trust.policies.filter(({ state, document }) => state === "set" && document.endsWith("trust") === wanted),
  );
  return [
    {
      title: "Let the roles trust the pods",
      about: [
        ...(replacing?.length === 0
          ? []
          : [
              "Each policy replaces the role's whole trust policy, and holds what was there. Read the files first: whoever can annotate a pod can name any role. Take out those that its pods do not have now.",
            ]),
        ...(beside ?? []).map(
          ({ of }) =>
            `${of} gets a policy beside those that it has, by which it may assume the roles. When it is set, delete that of an earlier run for the same namespaces, if it has another name (assume-...) and no other cluster needs it.`,
        ),
        ...(partial.length === 0
          ? []
          : [
              `What ${partial.length} of the roles trust now is not known: add the statements of their files in ${shellWord(at("trust"))} (*.add.json) by hand, or run this command again with --roles and another --dir.`,
            ]),
      ],
      commands: trust.set === "" ? [] : [`sh ${shellWord(at("set-trust.sh"))}`],
      back: trust.restore === "" ? [] : [`sh ${shellWord(at("restore-trust.sh"))}`],
    },
  ];
}

function enforce({ podroleNamespace, audits, policy, programs }: Plan): Step {
  const upgrade = (mode: string, action: string): string =>
    `${programs.helm} upgrade podrole deploy/chart --namespace ${shellWord(podroleNamespace)} --reuse-values${mode} --set ${shellWord(`admissionPolicy.validationActions={${action}}`)}`;
  const set = (mode: string): string =>
    audits && policy !== undefined ? ` --set options.policy=${mode}` : "";
  return {
    title: "Let podrole refuse",
    about: ["Do it when the log and the warnings have nothing new."],
    commands: [upgrade(set(policy ?? ""), "Deny")],
    back: [upgrade(set("audit"), "Warn")],
  };
}

function rulesScripts(
  { origin, programs: { kubectl } }: Plan,
  moving: readonly NamespacePlan[],
): { readonly remove: string; readonly restore: string } | undefined {
  const { rules } = origin;
  if (rules === undefined) return undefined;
  const ruled = moving.flatMap(({ name, workloads }) => {
    const value = workloads[0]?.workload.facts.namespace.annotations[rules.key];
    return value === undefined ? [] : [{ name, value }];
  });
  if (ruled.length === 0) return undefined;
  return {
    remove: withHead(
      ruled
        .map(({ name }) => `${kubectl} annotate namespace ${shellWord(name)} ${shellWord(`${rules.key}-`)}\n`)
        .join(""),
    ),
    restore: withHead(
      ruled.map(({ name, value }) => restoring(kubectl, name, { [rules.key]: value })).join(""),
    ),
  };
}

/** By standard input, since Linux takes no argument of 128 KiB, and an annotation may be longer. JSON is one line, whatever the text is. */
const restoring = (kubectl: string, name: string, annotations: Readonly<Record<string, string>>): string =>
  `${kubectl} patch namespace ${shellWord(name)} --type merge --patch-file /dev/stdin <<'EOF'\n${JSON.stringify({ metadata: { annotations } })}\nEOF\n`;

const withHead = (lines: string): string => `#!/bin/sh\nset -eu\n${lines}`;

export const grantsText = (grants: readonly GrantObject[]): string =>
  grants.map((one) => toYaml(one)).join("---\n");

/** A workload of the namespace, to look at: one with a role, if there is one. */
function exampleOf(workloads: NamespacePlan["workloads"]): string {
  const [example] = [...workloads.filter(({ roles }) => roles.length > 0), ...workloads];
  return example === undefined
    ? ""
    : shellWord(`${example.workload.kind.toLowerCase()}/${example.workload.name}`);
}
