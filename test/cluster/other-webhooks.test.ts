import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { config } from "../support/config.ts";
import { until } from "../support/until.ts";
import { startAgent, withAgent, withMirror } from "./agent-webhook.ts";
import type { KubeObject } from "./kube-client.ts";
import { openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { accountsOf, allowInjector, installCrd, NAMESPACES } from "./setting.ts";
import { addInjector, podObject } from "./webhook.ts";

const reason = whyNoPolicies();
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const ROLE = { [ANNOTATION.role]: "arn:aws:iam::111122223333:role/billing-reader" };

interface Registration {
  /** Webhook configurations are called in the order of their names. */
  readonly name: "a-agent" | "z-agent";
  readonly reinvocationPolicy: "Never" | "IfNeeded";
  readonly change: "agent" | "mirror";
}

const registration = (
  name: Registration["name"],
  reinvocationPolicy: Registration["reinvocationPolicy"],
  change: Registration["change"] = "agent",
): Registration => ({ name, reinvocationPolicy, change });

const CLEAN = [
  registration("a-agent", "Never"),
  registration("a-agent", "IfNeeded"),
  registration("z-agent", "Never"),
] as const;
/** It has the last word, because the API server calls no webhook a third time. */
const LAST_WORD = registration("z-agent", "IfNeeded");
const MIRRORS = [registration("a-agent", "IfNeeded", "mirror"), registration("z-agent", "Never", "mirror")];

const labelOf = ({ name, reinvocationPolicy, change }: Registration): string =>
  `${change}-${name}-${reinvocationPolicy}`.toLowerCase();

describe.skipIf(reason !== undefined)(
  `another webhook beside podrole's webhook and policies${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    const closers: (() => unknown)[] = [];
    beforeAll(async () => {
      rig = await openPolicies();
      closers.push(() => rig.close());
      const { plane } = rig;
      await allowInjector(plane);
      await installCrd(plane);
      const policy = await rig.policyFor(config({ region: "eu-west-1" }));
      const injector = await addInjector(plane, {});
      closers.push(() => injector.close());
      const agents = { agent: await startAgent(withAgent), mirror: await startAgent(withMirror) };
      closers.push(agents.agent.close, agents.mirror.close);
      const labelled = async (label: string): Promise<void> => {
        const labels = { "podrole.dev/inject": "enabled", "test-policy": policy, "test-agent": label };
        await plane.admin.create(NAMESPACES, { metadata: { name: label, labels } });
        await plane.admin.create(accountsOf(label), { metadata: { name: "default" } });
      };
      await labelled("alone");
      for (const one of [...CLEAN, LAST_WORD, ...MIRRORS]) {
        const label = labelOf(one);
        await plane.admin.create(WEBHOOKS, webhookOf(one, agents[one.change].clientConfig));
        await labelled(label);
        const isCalled = async (): Promise<true | undefined> => {
          const { body } = await create(label, "canary");
          return JSON.stringify(body).match(/agent\.example|mirror\.example|INJECTED_DIFFERENTLY/)
            ? true
            : undefined;
        };
        await until(`the webhook ${label}`, isCalled);
      }
    });
    afterAll(async () => {
      for (const close of closers.toReversed()) await close();
    });

    const create = (namespace: string, name: string, annotations: object = ROLE) =>
      rig.create(namespace, podObject(name, annotations) as KubeObject);
    const own = (pod: KubeObject) =>
      pod.spec.initContainers.filter(({ name }: KubeObject) => name.startsWith("podrole-"));

    test.for(CLEAN)(
      "that adds to every container has no effect on guard and sidecar: $name, $reinvocationPolicy",
      async (one) => {
        const { status, body } = await create(labelOf(one), "web");
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
        const names = body.spec.initContainers.map(({ name }: KubeObject) => name);
        expect(names).toEqual([CONTAINER.guard, CONTAINER.sidecar, "agent-init"]);
        const { body: alone } = await create("alone", "web");
        expect(comparable(own(body))).toEqual(comparable(own(alone)));
        expect(body.metadata.labels).toMatchObject({ "agent.example/injected": "true" });
        const [app, agent] = body.spec.containers;
        expect(app.env.map(({ name }: KubeObject) => name)).toContain("AGENT_HOST");
        for (const { env, securityContext } of [app, agent]) {
          expect(JSON.stringify(env)).toContain("/v1/credentials");
          expect(securityContext.capabilities.drop).toEqual(["NET_RAW"]);
        }
      },
    );

    test.for([ANNOTATION.skipContainers, ANNOTATION.irsaSkipContainers])(
      "that adds containers which %s names causes a warning, and they get no credentials",
      async (key) => {
        const skipping = { ...ROLE, [key]: "agent,agent-init" };
        const { status, body, warnings } = await create(labelOf(CLEAN[2]), "skipping", skipping);
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
        const [app, agent] = body.spec.containers;
        expect(JSON.stringify(app.env)).toContain("/v1/credentials");
        const late = JSON.stringify([agent, body.spec.initContainers.at(-1)]);
        expect(late).toContain("agent-init");
        expect(late).not.toMatch(/"AWS_|podrole-identity/);
        expect(agent.securityContext.capabilities.drop).toEqual(["NET_RAW"]);
        expect(warnings.join("\n")).toContain(
          `[SKIPPED_UNKNOWN] The annotation ${key} names "agent", "agent-init"`,
        );
      },
    );

    test("that adds to every container, has the last word, and does not leave podrole's out is refused", async () => {
      const { status, body } = await create(labelOf(LAST_WORD), "web");
      expect(status).toBe(422);
      expect(body.message).toMatch(
        /ValidatingAdmissionPolicy 'podrole' .+ \[INJECTED_DIFFERENTLY\] podrole-guard/,
      );
      expect(body.message).toContain("If another webhook changes it, exclude the container there.");
    });

    test.for(MIRRORS)("that rewrites images is refused: $name, $reinvocationPolicy", async (one) => {
      const { status, body } = await create(labelOf(one), "web");
      expect(status).toBe(403);
      expect(body.message).toContain('"pods.podrole.dev" denied the request');
      expect(body.message).toContain(
        "podrole-guard differs from what this version of podrole writes (image).",
      );
      expect(body.message).toContain("set podrole's setting image");
    });
  },
);

/** Without what is made anew for each pod. */
const comparable = (containers: readonly KubeObject[]): string =>
  JSON.stringify(containers)
    .replaceAll(/[0-9a-f]{64}/g, "HASH")
    .replaceAll(/\b[456]\d{4}\b/g, "UID");

const webhookOf = ({ name, reinvocationPolicy, ...one }: Registration, clientConfig: object): object => ({
  metadata: { name: `${name}-${labelOf({ name, reinvocationPolicy, ...one })}` },
  webhooks: [
    {
      name: "pods.agent.example",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      reinvocationPolicy,
      rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
      namespaceSelector: { matchLabels: { "test-agent": labelOf({ name, reinvocationPolicy, ...one }) } },
      clientConfig,
    },
  ],
});
