import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { irsaWebhook } from "../support/irsa-webhook.ts";
import { until } from "../support/until.ts";
import {
  ALONE,
  namespaceOf,
  openEks,
  REGISTRATIONS,
  ROLE,
  UNKNOWN,
  WAYS,
  type Registration,
  type Way,
} from "./eks-rig.ts";
import type { KubeObject } from "./kube-client.ts";
import { whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

const built = whyNoPolicies() === undefined ? await irsaWebhook() : undefined;
const reason = whyNoPolicies() ?? (built !== undefined && "why" in built ? built.why : undefined);

const OURS = "http://127.0.0.1:16925/v1/credentials";
const EKS = "http://169.254.170.23/v1/credentials";
const VOLUMES = new Set(["aws-iam-token", "eks-pod-identity-token"]);

const variablesOf = ({ env = [] }: KubeObject): Readonly<Record<string, string>> =>
  Object.fromEntries(env.map(({ name, value }: KubeObject) => [name, value]));
const hasVolume = ({ spec }: KubeObject): boolean =>
  spec.volumes.some(({ name }: KubeObject) => VOLUMES.has(name));
const isEdited = (container: KubeObject): boolean =>
  (container.volumeMounts ?? []).some(({ name }: KubeObject) => VOLUMES.has(name));

/** Guard and sidecar without what is each pod's own: the sidecar's uid and the hashes of tokens. */
const podroleIn = ({ spec }: KubeObject): object =>
  JSON.parse(
    JSON.stringify(spec.initContainers.slice(0, 2))
      .replaceAll(/\b[4-6]\d{4}\b/g, "0")
      .replaceAll(/[0-9a-f]{64}/g, "hash"),
  ) as object;

describe.skipIf(reason !== undefined)(`beside the webhook of EKS${reason ? `: ${reason}` : ""}`, () => {
  let rig: PolicyRig;
  beforeAll(async () => {
    rig = await openEks(built !== undefined && "program" in built ? built.program : "");
  });
  afterAll(() => rig?.close());

  /** A pod of podrole alone. */
  async function alone(): Promise<KubeObject> {
    const spec = { serviceAccountName: "billing" };
    const pod = podObject("web", { [ANNOTATION.role]: ROLE }, spec);
    const { status, body } = await rig.plane.admin.request("POST", `${podsOf(ALONE)}?dryRun=All`, pod);
    expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
    return body;
  }

  /** Creates a pod once that webhook knows its service account. */
  async function created(one: Registration, way: Way, annotations: object) {
    const { admin } = rig.plane;
    const pods = podsOf(namespaceOf(one, way));
    const images = (...names: string[]) => names.map((each) => ({ name: each, image: "shop/app:1" }));
    const pod = {
      metadata: { name: "web", annotations: { [ANNOTATION.role]: ROLE, ...annotations } },
      spec: {
        serviceAccountName: "billing",
        initContainers: images("setup"),
        containers: images("app", "logs"),
      },
    };
    await until("EKS's webhook to act", async () => {
      const { status, body } = await admin.request("POST", `${pods}?dryRun=All`, pod);
      return status !== 201 || hasVolume(body) || undefined;
    });
    return admin.request("POST", pods, pod);
  }

  describe.for(
    REGISTRATIONS.map((one) => [one.first ? "before" : "after", one.again, one.prefix, one] as const),
  )("called %s podrole, with reinvocationPolicy %s and prefix %s", ([, , , one]) => {
    test.for(WAYS)("by %s, a pod is created with guard and sidecar as podrole writes them", async (way) => {
      const { status, body, warnings } = await created(one, way, {
        [`${one.prefix}/skip-containers`]: "logs",
      });
      expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
      expect(podroleIn(body)).toEqual(podroleIn(await alone()));

      const [setup] = body.spec.initContainers.slice(2);
      const [app, logs] = body.spec.containers;
      // It adds nothing to containers that have all its variables, from podrole.
      const left = way === "association" && !one.first;
      expect([setup, app, logs].map(isEdited)).toEqual([!left, !left, false]);
      // Both leave alone what the user excluded.
      expect(logs.env).toBeUndefined();
      for (const served of [setup, app]) {
        expect(variablesOf(served)).toMatchObject({
          AWS_CONTAINER_CREDENTIALS_FULL_URI: way === "association" && one.first ? EKS : OURS,
          ...(way === "association" ? {} : { AWS_ROLE_ARN: ROLE }),
        });
      }
      expect(warnings.join("\n").includes("[CREDENTIALS_SHADOWED]")).toBe(!left);
    });
  });

  // The API server calls no webhook a third time, so such a webhook has the last word.
  const isLast = ({ first, again }: Registration): boolean => !first && again === "IfNeeded";

  test.for(UNKNOWN.filter((one) => !isLast(one)))(
    "what it adds to guard and sidecar by a prefix that podrole does not know is taken off: before $first, $again",
    async (one) => {
      for (const way of WAYS) {
        const { status, body } = await created(one, way, {});
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
        expect(podroleIn(body)).toEqual(podroleIn(await alone()));
      }
    },
  );

  test.for(UNKNOWN.filter(isLast))(
    "a pod is refused where it adds to them last, by such a prefix",
    async (one) => {
      for (const way of WAYS) {
        const { status, body } = await created(one, way, {});
        expect(status).toBe(422);
        expect(body.message).toMatch(/'podrole' .+ \[INJECTED_DIFFERENTLY\]/);
      }
    },
  );
});
