import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { BASELINE_CAPABILITIES } from "../../injector/decide/baseline/capabilities.ts";
import { decide } from "../../injector/decide/decide.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import { BASELINE_ATTACKS } from "./baseline-attacks.ts";
import { EXEMPTIONS, podsFor, randomExemptions } from "./exemptions.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";
import { SETTINGS } from "./attack.ts";
import { codeIn, openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";

const reason = whyNoPolicies();
const settings = { ...config(), policy: "off" } as const;

describe.skipIf(reason !== undefined)(
  `the level baseline of the ValidatingAdmissionPolicy${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    beforeAll(async () => {
      rig = await openPolicies();
    });
    afterAll(() => rig?.close());

    /** The code of the policy's denial, or `created`. */
    async function answerTo(namespace: string, pod: KubeObject): Promise<string> {
      const { status, body } = await rig.create(namespace, pod);
      return status < 300 ? "created" : codeIn(body.message);
    }

    test.for(BASELINE_ATTACKS.map((attack) => [attack.title, attack] as const))(
      "denies %s",
      async ([, attack]) => {
        const { own, pod } = await rig.good(SETTINGS.plain, "plain", attack.sidecar);
        attack.change(pod);
        expect(await answerTo(own, pod)).toBe(attack.code);
      },
    );

    describe("with exemptions", () => {
      const withRole = (pod: Pod): Pod => ({
        ...pod,
        metadata: {
          ...pod.metadata,
          annotations: { ...pod.metadata?.annotations, [ANNOTATION.role]: BILLING },
        },
      });
      const all = [...EXEMPTIONS, ...randomExemptions(24)];
      const some = all.filter((_, index) => index % 4 === 0);

      test.for([
        ["a guard alone", {}, (pod: Pod) => pod, all],
        ["a guard and a role", {}, withRole, some],
        ["a role, and the guard off", { [ANNOTATION.guard]: "off" }, withRole, some],
      ] as const)(
        "judges many pods by many values of the annotation as the webhook does, with %s",
        { timeout: 300_000 },
        async ([title, over, changed, texts]) => {
          const label = await rig.policyFor(settings);
          const counts = { created: 0, denied: 0 };
          for (const [index, exempt] of texts.entries()) {
            const annotations = { ...over, [ANNOTATION.exempt]: exempt };
            const known = facts({ annotations });
            const own = `exempt-${title.replaceAll(/\W+/g, "-")}-${index}`;
            await rig.namespace(own, label, annotations);
            const judge = async ([what, bare]: ReturnType<typeof podsFor>[number]): Promise<void> => {
              const pod = changed(bare);
              const answer = await answerTo(own, patched(pod, known, settings));
              const { findings } = decide(pod, known, settings);
              const denials = findings.filter(({ severity }) => severity === "deny").map(({ code }) => code);
              const expected = denials.length === 0 ? ["created"] : denials;
              expect({ exempt: exempt.slice(0, 100), what, expected }).toEqual({
                exempt: exempt.slice(0, 100),
                what,
                expected: expect.arrayContaining([answer]) as string[],
              });
              counts[answer === "created" ? "created" : "denied"] += 1;
            };
            await Promise.all(podsFor(exempt).map(judge));
          }
          expect(Math.min(counts.created, counts.denied)).toBeGreaterThan(20);
        },
      );
    });

    describe("within the API server's budget for CEL", () => {
      const OWN = "budget";
      // As many entries as fit, so that each path is compared with as many as possible.
      const paths = Array.from({ length: 138 }, () => "hostPath=/a/b");
      const exempt = ["hostPorts", "capabilities=IPC_LOCK", ...paths, "hostPath=/data"].join(",");
      const known = facts({ annotations: { [ANNOTATION.exempt]: exempt } });
      beforeAll(async () => {
        await rig.namespace(OWN, await rig.policyFor(settings), known.namespace.annotations);
      });
      const bigPod = (volumes: number): Pod => {
        const names = Array.from({ length: volumes }, (_, index) => `node-${index}`);
        const action = { httpGet: { port: 80 } };
        const container = (index: number) => ({
          name: `app-${index}`,
          image: "a",
          ports: [{ containerPort: 80, hostPort: 1000 + index }],
          livenessProbe: action,
          readinessProbe: action,
          startupProbe: action,
          lifecycle: { postStart: action, preStop: action },
          volumeMounts: names.map((name) => ({ name, mountPath: `/${name}`, readOnly: true })),
          securityContext: {
            privileged: false,
            procMount: "Default",
            seccompProfile: { type: "Localhost", localhostProfile: "a" },
            appArmorProfile: { type: "RuntimeDefault" },
            seLinuxOptions: { type: "container_engine_t" },
            capabilities: { add: [...BASELINE_CAPABILITIES, "IPC_LOCK"], drop: ["NET_RAW"] },
          },
        });
        return {
          metadata: { name: "web", annotations: { [ANNOTATION.role]: BILLING } },
          spec: {
            containers: Array.from({ length: 100 }, (_, index) => container(index)),
            volumes: names.map((name) => ({ name, hostPath: { path: `/data/${name}` } })),
          },
        };
      };

      test("admits a pod of a hundred containers that need every control and an exemption", async () => {
        const { status, body } = await rig.create(OWN, patched(bigPod(5), known, settings));
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
      });

      test("denies a pod for which the budget is not enough", async () => {
        const { status, body } = await rig.create(OWN, patched(bigPod(100), known, settings));
        expect({ status, says: body.message }).toEqual({
          status: 422,
          says: expect.stringContaining("actual cost limit exceeded") as string,
        });
      });
    });
  },
);
