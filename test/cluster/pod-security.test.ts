import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decide } from "../../injector/decide/decide.ts";
import { denies } from "../../injector/model/findings.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import {
  codeOf,
  countLine,
  securityFixtures,
  securityVersion,
  whyNoSecurityFixtures,
} from "../support/pod-security.ts";
import { numbers } from "../support/random-pods.ts";
import { randomSecurityPod } from "../support/security-pods.ts";
import { isNewest, whyWithout } from "./api-version.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";
import { openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { accountsOf, NAMESPACES } from "./setting.ts";

const reason = whyNoPolicies();
const noFixtures = whyNoSecurityFixtures();
const fixtures = securityFixtures();

/** What the API server itself answers to some fixtures before it asks a policy. */
const REFUSED_BY_VALIDATION: Readonly<Record<string, string>> = {
  "fail/procmount0": "`hostUsers` must be false to use `Unmasked`",
  "fail/procmount1": "`hostUsers` must be false to use `Unmasked`",
  "fail/windowshostprocess1": "all containers must be HostProcess containers",
};

const settings = { ...config(), policy: "off" } as const;
/** Lets pods use the node's network if they ask for no role: those get no guard either. */
const onHostNetwork = { ...settings, hostNetwork: "warn" } as const;

const withAnnotations = (pod: Pod, added: Readonly<Record<string, string>>): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...added } },
});

describe.skipIf(reason !== undefined)(
  `Pod Security level baseline, by the ValidatingAdmissionPolicy${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    beforeAll(async () => {
      rig = await openPolicies();
      await rig.namespace("guarded", await rig.policyFor(settings));
      await rig.namespace("open", await rig.policyFor(onHostNetwork));
      const labels = { "pod-security.kubernetes.io/enforce": "baseline" };
      await rig.plane.admin.create(NAMESPACES, { metadata: { name: "upstream", labels } });
      await rig.plane.admin.create(accountsOf("upstream"), { metadata: { name: "default" } });
    });
    afterAll(() => rig?.close());

    /** `created`, or the message of the denial. */
    const answerTo = async (namespace: string, pod: KubeObject): Promise<string> => {
      const { status, body } = await rig.create(namespace, pod);
      return status < 300 ? "created" : body.message;
    };

    describe.skipIf(noFixtures !== undefined)(
      `of Kubernetes' own tests${noFixtures ? `: ${noFixtures}` : `, ${fixtures.length} pods of ${securityVersion()}`}`,
      () => {
        let right = 0;
        afterAll(() => void process.stdout.write(countLine("the policies", right, 2)));
        describe.each([
          ["with a role", { "iam.amazonaws.com/role": BILLING }],
          ["without a role", {}],
        ] as const)("%s", (_, annotations) => {
          test.for(fixtures.map((one) => [one.name, one] as const))(
            "%s",
            async ([name, fixture], { skip }) => {
              const why = name.startsWith("fail/procmount") ? whyWithout("another procMount") : undefined;
              skip(why !== undefined, why);
              const pod = patched(withAnnotations(fixture.pod, annotations), facts(), settings);
              const answer = await answerTo("guarded", pod);
              const denial = REFUSED_BY_VALIDATION[name] ?? `[${codeOf(fixture)}]`;
              expect(answer).toContain(fixture.isAllowed ? "created" : denial);
              right += 1;
            },
          );
        });

        test.for([
          ["fail/hostnamespaces1", "created"],
          ["fail/windowshostprocess0", "[PRIVILEGED]"],
          ["fail/windowshostprocess1", "[PRIVILEGED]"],
        ])("%s gets %s where the setting hostNetwork lets pods in without a guard", async ([name, says]) => {
          const pod = fixtures.find((one) => one.name === name)?.pod ?? {};
          expect(await answerTo("open", pod)).toContain(says);
        });
      },
    );

    test("judges a thousand random pods as the API server's own Pod Security does, and so does the webhook", async ({
      skip,
    }) => {
      skip(!isNewest, "an older API server has an older form of the level");
      const next = numbers(12);
      const counts = { created: 0, denied: 0 };
      for (let i = 0; i < 1000; i += 1) {
        const pod = randomSecurityPod(next);
        const upstream = await answerTo("upstream", pod);
        expect(upstream).toMatch(/^created$|violates PodSecurity/);
        const policy = await answerTo("guarded", patched(pod, facts(), settings));
        expect(policy).toMatch(/^created$|ValidatingAdmissionPolicy/);
        const { findings } = decide(pod, facts(), settings);
        const isAllowed = upstream === "created";
        counts[isAllowed ? "created" : "denied"] += 1;
        const answers = { policy: policy === "created", webhook: !denies(findings) };
        expect({ ...answers, pod, upstream, says: policy, findings }).toMatchObject({
          policy: isAllowed,
          webhook: isAllowed,
        });
      }
      expect(Math.min(counts.created, counts.denied)).toBeGreaterThan(200);
    });
  },
);
