import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { decide } from "../../injector/decide/decide.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import { started } from "../support/started.ts";
import { BASELINE_ATTACKS, breaching, CONTAINER_BREACHES } from "./baseline-attacks.ts";
import { EXEMPTIONS, podsFor, randomExemptions } from "./exemptions.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";
import { SETTINGS } from "./policy-attacks.ts";
import { openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { podsOf } from "./setting.ts";

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
    const codeIn = (message: string): string =>
      /ValidatingAdmissionPolicy.*denied request: \[([A-Z_]+)\]/.exec(message)?.[1] ?? message;

    test.for(BASELINE_ATTACKS.map((attack) => [attack.title, attack] as const))(
      "denies %s",
      async ([, attack]) => {
        const { own, pod } = await rig.good(SETTINGS.plain, "plain", attack.sidecar);
        attack.change(pod);
        expect(await answerTo(own, pod)).toBe(attack.code);
      },
    );

    describe("of a running pod", () => {
      const names = { true: "with-role", false: "without-role" };
      beforeAll(async () => {
        for (const sidecar of [true, false]) {
          const { own, pod } = await rig.good(SETTINGS.plain, "plain", sidecar);
          pod.metadata.name = names[`${sidecar}`];
          await rig.create(own, pod, "");
          const { status } = started(pod);
          await rig.plane.admin.patch(`${podsOf(own)}/${pod.metadata.name}/status`, { status });
        }
      });
      const debug = async (name: string, container: object): Promise<string> => {
        const at = `${podsOf("attack-plain")}/${name}`;
        const { body: running } = await rig.plane.admin.request("GET", at);
        running.spec.ephemeralContainers = [container];
        const query = "ephemeralcontainers?dryRun=All";
        const { status, body } = await rig.plane.admin.request("PUT", `${at}/${query}`, running);
        return status < 300 ? "added" : codeIn(body.message);
      };
      const harmless = {
        name: "debugger",
        image: "busybox",
        securityContext: { capabilities: { drop: ["ALL"] } },
      };

      test("admits a harmless ephemeral container", async () => {
        for (const name of Object.values(names)) expect(await debug(name, harmless)).toBe("added");
      });

      test.for(
        CONTAINER_BREACHES.filter(({ appOnly }) => appOnly !== true).map((one) => [one.what, one] as const),
      )("denies an ephemeral container that %s", async ([, breach]) => {
        for (const name of Object.values(names)) {
          expect(await debug(name, breaching(breach, harmless))).toBe(breach.code);
        }
      });
    });

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
  },
);
