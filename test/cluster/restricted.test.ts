import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { ACCOUNT } from "../support/facts.ts";
import { until } from "../support/until.ts";
import { whyNoControllers } from "./control-plane.ts";
import { defaultLevel } from "./default-level.ts";
import { NAMESPACE, openInstallation, type Installed } from "./installation.ts";
import type { KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { CONTROLLER, INJECTOR, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNoControllers();
const ROLE = `${ACCOUNT}billing-reader`;
const LABEL = "pod-security.kubernetes.io";
const GUARD = "podrole.dev/guard";
const CONTROLLERS = ["serviceaccount", "deployment", "replicaset", "job", "cronjob"].map(
  (name) => `${name}-controller`,
);
/** Controllers answer within milliseconds. */
const POD_MS = 10_000;
/** The users that create pods. */
const CREATORS = ["replicaset-controller", "job-controller"].map(
  (name) => `system:serviceaccount:kube-system:${name}`,
);

type Level = "privileged" | "baseline" | "restricted";
const LEVELS = ["privileged", "baseline", "restricted"] as const;
const MODES = { privileged: "block", baseline: "verify", restricted: "verify" } as const;

/** What an admin writes who wants a level: pods above it are refused, warned of and logged. */
const labelsOf = (level: Level): Readonly<Record<string, string>> =>
  Object.fromEntries(["enforce", "warn", "audit"].map((mode) => [`${LABEL}/${mode}`, level]));

/** An app as most people write it, who think of no level. */
const PLAIN = { containers: [{ name: "app", image: "shop/app:1" }] };
const HARDENED = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const RESTRICTED = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  initContainers: [{ name: "migrate", image: "shop/app:1", securityContext: HARDENED }],
  containers: [{ name: "app", image: "shop/app:1", securityContext: HARDENED }],
};
const APPS = { privileged: PLAIN, baseline: PLAIN, restricted: RESTRICTED };

const KINDS = ["Deployment", "Job", "CronJob"] as const;
type Kind = (typeof KINDS)[number];
const WITH_A_ROLE = { [ANNOTATION.role]: ROLE };

/** A workload whose pods have a label `app` with its name. */
function workload(
  kind: Kind,
  namespace: string,
  name: string,
  annotations: object,
  spec: object,
): KubeObject {
  const labels = { app: name };
  const template = { metadata: { labels, annotations }, spec };
  const once = { template: { ...template, spec: { ...spec, restartPolicy: "Never" } } };
  const specs = {
    Deployment: { selector: { matchLabels: labels }, template },
    Job: once,
    // Suspended until `start` has set the time of its last run.
    CronJob: { schedule: "0 * * * *", suspend: true, jobTemplate: { spec: once } },
  };
  return { kind, metadata: { namespace, name }, spec: specs[kind] };
}

describe.skipIf(reason !== undefined)(
  `workloads under Kubernetes' own Pod Security admission${reason ? `: ${reason}` : ""}`,
  () => {
    let installed: Installed;
    // It holds where a namespace has no label. Nobody and nothing is exempt.
    const byDefault = defaultLevel("restricted");
    const admin = () => installed.plane.admin;

    beforeAll(async () => {
      installed = await openInstallation(CREATORS, byDefault.flag);
      await installed.configure({ region: "eu-west-1" });
      await installed.plane.startControllers(...CONTROLLERS);
      await installed.startController();
      await installed.start();
      for (const level of LEVELS) await namespace(level, labelsOf(level));
      await until("an admission", async () => {
        const { status, body } = await create("privileged", PLAIN);
        return (status === 201 && body.spec.initContainers?.[0].name === CONTAINER.guard) || undefined;
      });
    });
    afterAll(async () => {
      await installed?.close();
      byDefault.remove();
    });

    /** Creates a namespace, and waits for its service account. */
    async function namespace(name: string, labels: object, annotations: object = {}): Promise<void> {
      const all = { "podrole.dev/inject": "enabled", ...labels };
      await admin().create(NAMESPACES, { metadata: { name, labels: all, annotations } });
      await until("the service account", async () => {
        const { status } = await admin().request("GET", `${NAMESPACES}/${name}/serviceaccounts/default`);
        return status === 200 || undefined;
      });
    }
    /** Tries a pod. */
    const create = (into: string, spec: object, annotations: object = {}) =>
      admin().request("POST", `${podsOf(into)}?dryRun=All`, { metadata: { name: "web", annotations }, spec });
    /** Creates a workload that the API server accepts. @returns the warnings */
    async function start(object: KubeObject): Promise<readonly string[]> {
      const { status, body, warnings } = await admin().request("POST", placeOf(object), object);
      expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
      if (object.kind === "CronJob") {
        // Its last run was hours ago, so the controller makes up for one run at once.
        const at = `${placeOf(object)}/${object.metadata.name}`;
        const ago = new Date(Date.now() - 7_200_000).toISOString().replace(/\.\d+/, "");
        await admin().patch(`${at}/status`, { status: { lastScheduleTime: ago } });
        await admin().patch(at, { spec: { suspend: false } });
      }
      return warnings;
    }
    /** What its controller makes of a workload. A pod that is refused fails the test with the refusals so far. */
    const podOf = ({ metadata }: KubeObject): Promise<KubeObject> =>
      until(
        `a pod of ${metadata.name}`,
        async () => {
          const selected = `${podsOf(metadata.namespace)}?labelSelector=app%3D${metadata.name}`;
          return (await admin().get(selected)).items[0];
        },
        POD_MS,
      ).catch(async ({ message }: Error) => {
        throw new Error(`${message}: ${(await logged(/forbidden|denied/)).at(-1)}`);
      });
    /** Why the ReplicaSet of a Deployment has no pod. */
    const refusalOf = ({ metadata }: KubeObject): Promise<string> =>
      until(
        `the refusal of ${metadata.name}`,
        async () => {
          const sets = `/apis/apps/v1/namespaces/${metadata.namespace}/replicasets?labelSelector=app%3D${metadata.name}`;
          const conditions: readonly KubeObject[] =
            (await admin().get(sets)).items[0]?.status.conditions ?? [];
          return conditions.find(({ type }) => type === "ReplicaFailure")?.message;
        },
        POD_MS,
      );
    const logged = async (what: RegExp): Promise<readonly string[]> =>
      (await installed.plane.controllersLog()).split("\n").filter((line) => what.test(line));
    /** Pods of controllers above the level that their namespace logs. (Warnings are lost on these controllers.) */
    const violationsAudited = async (): Promise<readonly unknown[]> =>
      (await installed.plane.audited()).flatMap(({ annotations = {}, objectRef }) =>
        Object.entries(annotations)
          .filter(([key]) => key.endsWith("-violations"))
          .map(([, violations]) => `${objectRef?.namespace}/${objectRef?.name}: ${violations}`),
      );

    /** The mode in which the first container of a pod guards it. */
    const modeOf = (pod: KubeObject): string => {
      const { name, command, securityContext } = pod.spec.initContainers[0];
      expect(name).toBe(CONTAINER.guard);
      const { guard } = JSON.parse(pod.metadata.annotations[ANNOTATION.status]);
      const added = securityContext.capabilities.add ?? [];
      expect({ guard, added }).toEqual({
        guard: command[1] === "verify" ? "verify" : "block",
        added: guard === "verify" ? [] : ["NET_ADMIN"],
      });
      return guard;
    };

    const cases = LEVELS.flatMap((level) =>
      KINDS.flatMap((kind) =>
        [WITH_A_ROLE, {}].map((annotations) => {
          const role = annotations === WITH_A_ROLE ? "a role" : "no role";
          return [kind, role, level, MODES[level], annotations] as const;
        }),
      ),
    );

    test.for(cases)(
      "a pod of a %s with %s is created at level %s without an exemption or a warning, and its guard is in mode %s",
      async ([kind, role, level, mode, annotations]) => {
        const name = `${kind}-${role}`.toLowerCase().replace(" ", "-");
        const object = workload(kind, level, name, annotations, APPS[level]);
        expect(await start(object)).toEqual([]);
        const pod = await podOf(object);
        expect(modeOf(pod)).toBe(mode);
        expect(pod.spec.initContainers.map((one: KubeObject) => one.name)).toEqual([
          CONTAINER.guard,
          ...(annotations === WITH_A_ROLE ? [CONTAINER.sidecar] : []),
          ...(level === "restricted" ? ["migrate"] : []),
        ]);
        expect(await violationsAudited()).toEqual([]);
        // What a controller would be warned of: it creates the pod like anyone else.
        expect(await create(level, APPS[level], annotations)).toMatchObject({ status: 201, warnings: [] });
      },
    );

    test("podrole's own Deployments get their pods, without an exemption or a warning", async () => {
      for (const name of [INJECTOR, CONTROLLER]) {
        const sets = (await admin().get(`/apis/apps/v1/namespaces/${NAMESPACE}/replicasets`)).items;
        const own: readonly KubeObject[] = sets.filter(({ metadata }: KubeObject) =>
          metadata.name.startsWith(name),
        );
        expect(own.map(({ spec, status }) => status.replicas === spec.replicas)).toEqual([true]);
      }
    });

    test("in a namespace that enforces baseline and warns of restricted, no warning is of podrole", async () => {
      await namespace("between", { ...labelsOf("restricted"), [`${LABEL}/enforce`]: "baseline" });
      expect(await create("between", RESTRICTED, WITH_A_ROLE)).toMatchObject({ status: 201, warnings: [] });
      const { status, warnings } = await create("between", PLAIN, WITH_A_ROLE);
      expect({ status, warnings }).toEqual({
        status: 201,
        warnings: [expect.stringMatching(/would violate PodSecurity "restricted:latest".*container "app"/)],
      });
      expect(warnings.join()).not.toContain("podrole");
    });

    test("a namespace that only warns of restricted gets mode block, and the warnings name its guard", async () => {
      await namespace("warns", {
        [`${LABEL}/enforce`]: "privileged",
        [`${LABEL}/warn`]: "restricted",
        [`${LABEL}/audit`]: "restricted",
      });
      const web = workload("Deployment", "warns", "web", {}, RESTRICTED);
      // The Deployment's template has nothing of podrole's.
      expect(await start(web)).toEqual([]);
      expect(modeOf(await podOf(web))).toBe("block");
      const { warnings } = await create("warns", RESTRICTED);
      for (const said of [warnings, await violationsAudited()]) {
        expect(said).toEqual([expect.stringMatching(/would violate PodSecurity.*"podrole-guard"/)]);
      }
    });

    describe("in a namespace that enforces restricted and insists on mode block", () => {
      const web = workload("Deployment", "insists", "web", {}, RESTRICTED);
      beforeAll(() => namespace("insists", labelsOf("restricted"), { [GUARD]: "block" }));

      test("a Deployment is accepted with podrole's warning, and the API server refuses its pods", async () => {
        expect(await start(web)).toEqual([expect.stringContaining("[BLOCK_NEEDS_PRIVILEGED]")]);
        expect(await refusalOf(web)).toMatch(
          /violates PodSecurity "restricted:latest": .*container "podrole-guard" must not include "NET_ADMIN"/,
        );
      });

      test("a person who creates a pod is told both", async () => {
        const { status, body, warnings } = await create("insists", RESTRICTED);
        expect({ status, message: body.message }).toEqual({
          status: 403,
          message: expect.stringContaining('violates PodSecurity "restricted:latest"'),
        });
        expect(warnings).toEqual([expect.stringContaining("[BLOCK_NEEDS_PRIVILEGED]")]);
      });
    });

    describe("where the cluster's own default is to enforce restricted, and the namespace has no label", () => {
      beforeAll(() => namespace("defaults", {}));

      test("podrole does not know of the default, and the API server refuses the guard of mode block", async () => {
        const web = workload("Deployment", "defaults", "web", WITH_A_ROLE, RESTRICTED);
        expect(await start(web)).toEqual([]);
        const message = await refusalOf(web);
        expect(message).toContain('violates PodSecurity "restricted:latest"');
        // To nothing else of the pod it objects.
        const objections = message.match(/containers? "[^)]*/g) ?? [];
        expect(objections).toContain(
          'container "podrole-guard" must not include "NET_ADMIN" in securityContext.capabilities.add',
        );
        expect(objections.filter((one) => !one.startsWith('container "podrole-guard" must not'))).toEqual([]);
      });

      test.for([
        ["the annotation podrole.dev/guard: verify", {}, { [GUARD]: "verify" }],
        ["the label that says what the default is", { [`${LABEL}/enforce`]: "restricted" }, {}],
      ] as const)("%s on the namespace makes its pods start", async ([what, labels, annotations]) => {
        const own = what.includes("annotation") ? "annotated" : "labelled";
        await namespace(own, labels, annotations);
        const web = workload("Deployment", own, "web", WITH_A_ROLE, RESTRICTED);
        expect(await start(web)).toEqual([]);
        expect(modeOf(await podOf(web))).toBe("verify");
      });

      test("the setting guard: verify makes pods of every namespace start", async () => {
        await installed.configure({ guard: "verify" });
        await until("the setting", async () => {
          const { status } = await create("defaults", RESTRICTED);
          return status === 201 || undefined;
        });
        for (const kind of KINDS) {
          const late = workload(kind, "defaults", `late-${kind.toLowerCase()}`, WITH_A_ROLE, RESTRICTED);
          expect(await start(late)).toEqual([]);
          expect(modeOf(await podOf(late))).toBe("verify");
        }
      });
    });
  },
);
