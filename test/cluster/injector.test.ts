import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { LogLine } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import { whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { accountsOf, createNamespace, grantObject, GRANTS, NAMESPACES, podsOf } from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

describe.skipIf(reason !== undefined)(
  `the injector behind a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let lines: readonly LogLine[];
    let serving: Serving | undefined;

    beforeAll(async () => {
      serving = await openInjector();
      ({ plane, lines } = serving);
    });
    afterAll(async () => {
      await serving?.close();
    });

    const create = (namespace: string, object: object, query = ""): Promise<KubeObject> =>
      plane.admin.create(`${podsOf(namespace)}${query}`, object);
    const decisions = (name: string): readonly LogLine[] =>
      lines.filter(({ msg, ["name"]: of }) => msg === "decided" && of === name);

    test("patches a new pod: guard first, sidecar second, credentials for the app", async () => {
      await createNamespace(plane.admin, "patched");
      const made = await create("patched", podObject("web", { [ANNOTATION.role]: ROLE }));
      const [guard, sidecar, ...others] = made.spec.initContainers;
      expect([guard.name, sidecar.name, sidecar.restartPolicy, others.length]).toEqual([
        CONTAINER.guard,
        CONTAINER.sidecar,
        "Always",
        0,
      ]);
      const names = made.spec.containers[0].env.map(({ name }: KubeObject) => name);
      expect(names).toContain("AWS_CONTAINER_CREDENTIALS_FULL_URI");
      expect(JSON.parse(made.metadata.annotations[ANNOTATION.status])).toMatchObject({ role: ROLE });
    });

    test("changes nothing in a second review, after the API server has set defaults", async () => {
      await createNamespace(plane.admin, "twice");
      const made = await create("twice", podObject("web", { [ANNOTATION.role]: ROLE }));
      const { annotations, labels } = made.metadata;
      const again = await create(
        "twice",
        { metadata: { name: "web-2", annotations, labels }, spec: made.spec },
        "?dryRun=All",
      );
      expect(again.spec).toEqual(made.spec);
      expect(again.metadata.annotations).toEqual(annotations);
      expect(decisions("web-2")).toMatchObject([{ decision: "inject", dryRun: true }]);
    });

    test("takes the role of a service account that was created just before the pod", async () => {
      await createNamespace(plane.admin, "young");
      const annotations = { [ANNOTATION.serviceAccountRole]: ROLE };
      await plane.admin.create(accountsOf("young"), { metadata: { name: "billing", annotations } });
      const made = await create("young", podObject("web", {}, { serviceAccountName: "billing" }));
      expect(JSON.parse(made.metadata.annotations[ANNOTATION.status])).toMatchObject({ role: ROLE });
    });

    test("warns of a role on the service account in another spelling, known before or just made", async () => {
      await createNamespace(plane.admin, "misplaced");
      for (const key of [ANNOTATION.role, "eks.amazonaws.com/role_arn"]) {
        const name = key.replaceAll(/[^a-z]/g, "-");
        await plane.admin.create(accountsOf("misplaced"), {
          metadata: { name, annotations: { [key]: ROLE } },
        });
        for (const time of ["just-made", "known"]) {
          const one = podObject(`${name}-${time}`, {}, { serviceAccountName: name });
          const { status, warnings } = await plane.admin.request("POST", podsOf("misplaced"), one);
          expect(status).toBe(201);
          expect(warnings).toEqual([
            expect.stringMatching(
              new RegExp(`The annotation ${key} of service account misplaced/${name} .*no effect\\.`),
            ),
          ]);
          expect(warnings[0]).toContain(ANNOTATION.serviceAccountRole);
        }
      }
    });

    test("has its warnings shown whole, each with what to do", async () => {
      await createNamespace(plane.admin, "warned");
      const names = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"];
      const env = names.map((name) => ({ name, value: "x" }));
      const containers = Array.from({ length: 6 }, (_, index) => ({
        name: `${"n".repeat(60)}${index}`,
        image: "app",
        env,
      }));
      const one = podObject("warned", { [ANNOTATION.role]: ROLE }, { containers });
      const { status, warnings } = await plane.admin.request("POST", podsOf("warned"), one);
      expect(status).toBe(201);
      const ours = warnings.filter((line) => line.startsWith("[CREDENTIALS_SHADOWED]"));
      expect(ours.length).toBeGreaterThan(10);
      expect(ours.filter((line) => !line.endsWith("from the container to use the role."))).toEqual([]);
      expect(warnings.at(-1)).toMatch(/^And \d+ more\.$/);
    });

    test("guards the first pod of a namespace that was labelled just before", async () => {
      for (let n = 0; n < 5; n += 1) {
        const name = `late-${n}`;
        await plane.admin.create(NAMESPACES, { metadata: { name } });
        await plane.admin.create(accountsOf(name), { metadata: { name: "default" } });
        await plane.admin.patch(`${NAMESPACES}/${name}`, {
          metadata: { labels: { "podrole.dev/inject": "enabled" } },
        });
        // The API server's informer may be as late as ours. Every pod that it calls the webhook for must be guarded.
        const made = await create(name, podObject(`first-${n}`, {}));
        const called = decisions(`first-${n}`).length > 0;
        expect(made.spec.initContainers?.[0]?.name).toBe(called ? CONTAINER.guard : undefined);
      }
    });

    test("denies a role that a grant does not allow, with a message that a person can act on", async () => {
      await createNamespace(plane.admin, "denied");
      await plane.admin.create(
        GRANTS,
        grantObject("denied", { roles: [`${ROLE}-not`], namespaces: ["denied"] }),
      );
      const message = await until("the denial", () =>
        create("denied", podObject("web", { [ANNOTATION.role]: ROLE }), "?dryRun=All").then(
          () => undefined,
          (error: Error) => error.message,
        ),
      );
      expect(message).toContain('admission webhook "pods.podrole.dev" denied the request: ');
      expect(message).toContain(`Service account denied/default may not use ${ROLE}`);
      expect(message).toContain("RoleGrant denied");
      await plane.admin.patch(`${GRANTS}/denied`, { spec: { roles: [ROLE] } });
      await until("the grant", () =>
        create("denied", podObject("web", { [ANNOTATION.role]: ROLE })).catch(() => undefined),
      );
    });

    test("shows in a dry run how the pod would look, and creates nothing", async () => {
      await createNamespace(plane.admin, "dry");
      const made = await create("dry", podObject("web", { [ANNOTATION.role]: ROLE }), "?dryRun=All");
      expect(made.spec.initContainers[0].name).toBe(CONTAINER.guard);
      expect((await plane.admin.get(podsOf("dry"))).items).toEqual([]);
    });

    test("is not called for namespaces without the label", async () => {
      await createNamespace(plane.admin, "bare", { "podrole.dev/inject": "no" });
      const made = await create("bare", podObject("unasked", { [ANNOTATION.role]: ROLE }));
      expect(made.spec.initContainers).toBeUndefined();
      expect(decisions("unasked")).toEqual([]);
    });
  },
);
