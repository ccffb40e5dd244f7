import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import type { Facts } from "../../injector/model/facts.ts";
import { ENFORCED_LEVEL } from "../../injector/model/guard-mode.ts";
import type { Container, Pod, SecurityContext } from "../../injector/model/pod.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { goldens } from "../support/goldens.ts";
import { FRESH } from "../support/pods.ts";
import { numbers } from "../support/random-pods.ts";
import { randomSecurityPod } from "../support/security-pods.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { accountsOf, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNot();
const ENFORCED = ["restricted", "baseline"] as const;
type Level = (typeof ENFORCED)[number];
const LEVELS: ReadonlySet<string> = new Set([...ENFORCED, "privileged"]);
const RANDOM_PODS = 150;

interface Case {
  readonly pod: Pod;
  readonly facts: Facts;
  readonly config: InjectorConfig;
}

const SECCOMP = { seccompProfile: { type: "RuntimeDefault" } };

/** The pod as people change it who want level restricted. What is above baseline stays. */
const restricted =
  (ofPod: SecurityContext, ofContainers: SecurityContext) =>
  (pod: Pod): Pod => {
    const hardened = (container: Container): Container => {
      const hardening = { ...ofContainers, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
      return { ...container, securityContext: { ...container.securityContext, ...hardening } };
    };
    const { containers, initContainers, securityContext } = pod.spec;
    return {
      ...pod,
      spec: {
        ...pod.spec,
        securityContext: { ...securityContext, ...ofPod },
        containers: containers.map(hardened),
        ...(initContainers ? { initContainers: initContainers.map(hardened) } : {}),
      },
    };
  };

/** The namespace enforces the level; undefined: it has no label. */
const enforcing = (known: Facts, level: Level | undefined): Facts => {
  const { [ENFORCED_LEVEL]: _, ...labels } = known.namespace.labels;
  return {
    ...known,
    namespace: { ...known.namespace, labels: { ...labels, ...(level ? { [ENFORCED_LEVEL]: level } : {}) } },
  };
};

const OWN: ReadonlySet<string> = new Set(Object.values(CONTAINER));

/** The pod without podrole's own containers of which `dropped` is true. */
const withoutOwn = (pod: Pod, dropped: (own: Container) => boolean = () => true): Pod => ({
  ...pod,
  spec: {
    ...pod.spec,
    initContainers: (pod.spec.initContainers ?? []).filter((one) => !OWN.has(one.name) || !dropped(one)),
  },
});
/** In mode block, one of them adds NET_ADMIN. */
const isPrivileged = ({ securityContext }: Container): boolean =>
  securityContext?.capabilities?.add?.includes("NET_ADMIN") === true;

const GOLDENS = await goldens(new URL("../injector/golden/", import.meta.url));
const HARDENING = { runAsNonRoot: true, ...SECCOMP };
const FORMS = [
  ["as it is", (pod: Pod): Pod => pod],
  ["made restricted as a whole", restricted(HARDENING, {})],
  ["made restricted container by container", restricted({}, HARDENING)],
] as const;

interface Judgement {
  /** The level that the namespace enforces. */
  readonly enforced: Level | undefined;
  readonly guard: GuardMode | undefined;
  /** What the API server says of the pod without and with podrole. */
  readonly before: string;
  readonly after: string;
}

describe.skipIf(reason !== undefined)(
  `Kubernetes' own Pod Security admission judges a pod alike before and after podrole${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    const accounts = new Set<string>();
    const counts = new Map<string, number>();
    beforeAll(async () => {
      plane = await openControlPlane();
      for (const level of ENFORCED) {
        await plane.admin.create(NAMESPACES, {
          metadata: { name: level, labels: { [ENFORCED_LEVEL]: level } },
        });
      }
    });
    afterAll(async () => {
      await plane?.stop();
      const said = [...counts].map(([what, count]) => `${count} ${what}`).toSorted();
      process.stdout.write(`pods whose level podrole has kept: ${said.join(", ")}\n`);
    });

    /** The API server's judgement; its message where the pod is invalid. */
    async function levelOf({ metadata, spec }: Pod): Promise<string> {
      const account = (spec as KubeObject).serviceAccountName ?? "default";
      for (const level of ENFORCED) {
        const at = `${level}/${account}`;
        if (!accounts.has(at)) await plane.admin.create(accountsOf(level), { metadata: { name: account } });
        accounts.add(at);
        const here = { ...metadata, name: "web", namespace: level };
        const query = `${podsOf(level)}?dryRun=All`;
        const { status, body } = await plane.admin.request("POST", query, { metadata: here, spec });
        if (status === 201) return level;
        if (!String(body.message).includes("violates PodSecurity")) return String(body.message);
      }
      return "privileged";
    }

    /** Injects the pod in a namespace without a level and in namespaces that enforce one. @returns or why none is compared */
    async function judgements({
      pod,
      facts: known,
      config: settings,
    }: Case): Promise<readonly Judgement[] | string> {
      const before = await levelOf(withoutOwn(pod));
      if (!LEVELS.has(before)) return before;
      const all: Judgement[] = [];
      for (const enforced of [undefined, ...ENFORCED]) {
        const outcome = admitPod(pod, enforcing(known, enforced), settings, FRESH);
        if (outcome.kind !== "inject") continue;
        const { guard } = outcome;
        const judged = guard === "block" ? withoutOwn(outcome.after, isPrivileged) : outcome.after;
        all.push({ enforced, guard, before, after: await levelOf(judged) });
        const what = `${before} in mode ${guard ?? "off"}`;
        counts.set(what, (counts.get(what) ?? 0) + 1);
      }
      return all.length > 0 ? all : "podrole does not inject it";
    }
    const changed = (all: readonly Judgement[]): readonly Judgement[] =>
      all.filter(({ before, after }) => before !== after);

    test.for(FORMS.flatMap(([form, change]) => GOLDENS.map((one) => [one.name, form, one, change] as const)))(
      "the pod of golden %s, %s",
      async ([, , one, change], { skip }) => {
        const all = await judgements({ ...one, pod: change(one.pod as unknown as Pod) });
        if (typeof all === "string") return skip(all);
        expect(changed(all)).toEqual([]);
      },
    );

    test.for(FORMS)(`${RANDOM_PODS} random pods, %s`, async ([, change]) => {
      const next = numbers(15);
      let compared = 0;
      for (let i = 0; i < RANDOM_PODS; i += 1) {
        const pod = change(randomSecurityPod(next));
        const all = await judgements({ pod, facts: facts(), config: { ...config(), policy: "off" } });
        if (typeof all === "string") continue;
        expect({ pod, changed: changed(all) }).toEqual({ pod, changed: [] });
        compared += 1;
      }
      expect(compared).toBeGreaterThan(RANDOM_PODS / 4);
    });
  },
);
