import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Child } from "../support/child.ts";
import { ACCOUNT } from "../support/facts.ts";
import { until } from "../support/until.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { whyNot } from "./control-plane.ts";
import { kill, NAMESPACE, openInstallation, userOf, WEBHOOKS, type Installed } from "./installation.ts";
import type { KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { CONTROLLER, createNamespace, grantObject, GRANTS, INJECTOR, NAMESPACES, podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

const reason = whyNot();
const EXAMPLES = new URL("../../deploy/examples/", import.meta.url);
const documents = (file: string): readonly KubeObject[] =>
  parseAllDocuments(readFileSync(new URL(file, EXAMPLES), "utf8")).map((document) => document.toJS());
const [NAMESPACE_FILE = "", ...FILES] = readdirSync(EXAMPLES).toSorted();
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const SECRET = `${NAMESPACES}/${NAMESPACE}/secrets/podrole-injector-tls`;
const BINDING = `${ADMISSION}/validatingadmissionpolicybindings/podrole`;
const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments";

/** The pod that an object's controller would create; undefined for kinds that create none. */
function podOf({ kind, metadata, spec }: KubeObject): KubeObject {
  if (kind === "Pod") return { metadata, spec };
  const template = spec?.template ?? spec?.jobTemplate?.spec.template;
  return template && { ...template, metadata: { ...template.metadata, generateName: `${metadata.name}-` } };
}

describe.skipIf(reason !== undefined)(
  `deploy/install.yaml in force at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let installed: Installed;
    let injector: Child;
    let controller: Child;
    const admin = () => installed.plane.admin;
    const start = () => installed.start();
    const create = (namespace: string, pod: object, query = "") =>
      admin().request("POST", `${podsOf(namespace)}${query}`, pod);
    /** Waits until the API server, which learns of registrations a moment late, applies the new one every time. */
    // The controller looks at the caBundle every ten seconds; this waits longer.
    const answers = (what: string, wanted: RegExp | undefined, namespace = "shop") =>
      until(
        what,
        async () => {
          const { status, body } = await create(namespace, podObject("probe", {}), "?dryRun=All");
          if (wanted !== undefined) return wanted.test(body.message ?? "") || undefined;
          return (status === 201 && body.spec.initContainers?.[0].name === CONTAINER.guard) || undefined;
        },
        25_000,
      );

    beforeAll(async () => {
      installed = await openInstallation();
      await installed.configure({
        baseRoleArn: ACCOUNT,
        region: "eu-west-1",
        hubRole: `${ACCOUNT}podrole-hub`,
      });
      for (const object of documents(NAMESPACE_FILE)) {
        await admin().create(NAMESPACES, object);
        await admin().create(`${NAMESPACES}/${object.metadata.name}/serviceaccounts`, {
          metadata: { name: "default" },
        });
      }
      await admin().create(GRANTS, grantObject("shop", { roles: [`${ACCOUNT}*`], namespaces: ["shop"] }));
      controller = await installed.startController();
      injector = await start();
      await answers("an admission", undefined);
    });
    afterAll(() => installed?.close());

    test.for(FILES)(
      "%s is admitted without a warning, and its pods come back with guard and sidecar",
      async (file) => {
        for (const object of documents(file)) {
          const { status, warnings, body } = await admin().request("POST", placeOf(object), object);
          expect({ file, status, warnings, message: body.message }).toEqual({
            file,
            status: 201,
            warnings: [],
            message: undefined,
          });
          const pod = podOf(object);
          if (pod === undefined) continue;
          const made = object.kind === "Pod" ? body : await admin().create(podsOf("shop"), pod);
          const names = (inits: readonly KubeObject[] = []) => inits.map(({ name }) => name);
          // The pod without a role is guarded too.
          const ours =
            file === "pod-unannotated.yaml" ? [CONTAINER.guard] : [CONTAINER.guard, CONTAINER.sidecar];
          expect(names(made.spec.initContainers)).toEqual([...ours, ...names(pod.spec.initContainers)]);
        }
      },
    );

    test("injector and controller have all the rights they need, and no request of theirs is refused", async () => {
      await until(
        "the status of a grant",
        async () => (await admin().get(`${GRANTS}/shop`)).status || undefined,
      );
      const refused = (await installed.plane.audited()).filter(
        ({ responseStatus }) => responseStatus.code === 403,
      );
      expect(refused).toEqual([]);
    });

    test("injector and controller use every right that they have", async () => {
      // A missing service account, and a certificate that has to be renewed.
      const template = { metadata: { labels: { app: "x" } }, spec: { serviceAccountName: "nobody" } };
      const containers = podOf(documents("deployment.yaml").find(({ kind }) => kind === "Deployment"))?.spec
        .containers;
      await admin().create(DEPLOYMENTS, {
        metadata: { name: "accountless" },
        spec: {
          selector: { matchLabels: { app: "x" } },
          template: { ...template, spec: { ...template.spec, containers } },
        },
      });
      await admin().patch(SECRET, { data: { "tls.crt": btoa("none") } });
      const unused = await until(
        "every right to be used",
        async () => {
          const left = await unusedRights();
          return left.length === 0 ? left : undefined;
        },
        20_000,
      ).catch(unusedRights);
      expect(unused).toEqual([]);
    });

    test("the injector has no right to write and sent no request that writes", async () => {
      const reads = new Set(["get", "list", "watch"]);
      const verbs = grantedTo(INJECTOR).map((right) => right.split(" ")[0] ?? "");
      expect(verbs.filter((verb) => !reads.has(verb))).toEqual([]);
      const writes = (await requestsOf(INJECTOR)).filter(
        (request) => !reads.has(request.split(" ")[0] ?? ""),
      );
      expect(writes).toEqual([]);
    });

    /** Every request that a program has sent, as `verb resource`. */
    async function requestsOf(name: string): Promise<readonly string[]> {
      const audited = await installed.plane.audited();
      return audited
        .filter(({ user }) => user.username === userOf(name))
        .map(({ verb, objectRef }) => {
          const { resource, subresource } = objectRef ?? { resource: "" };
          return `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`;
        });
    }

    /** Every right that a program has, as `verb resource`. */
    const grantedTo = (name: string): readonly string[] =>
      installed.objects
        .filter(({ kind, metadata }) => (kind === "ClusterRole" || kind === "Role") && metadata.name === name)
        .flatMap((role): readonly KubeObject[] => role.rules)
        .flatMap(({ verbs, resources }) =>
          verbs.flatMap((verb: string) => resources.map((resource: string) => `${verb} ${resource}`)),
        );

    /** Rights that no request has needed yet. */
    async function unusedRights(): Promise<readonly string[]> {
      const unused = async (name: string): Promise<readonly string[]> => {
        const asked = new Set(await requestsOf(name));
        return grantedTo(name)
          .filter((right) => !asked.has(right))
          .map((right) => `${name}: ${right}`);
      };
      const all = [...(await unused(INJECTOR)), ...(await unused(CONTROLLER))];
      // Needed for a namespace that is newer than the cache, which facts.test.ts covers.
      return all.filter((right) => right !== `${INJECTOR}: get namespaces`);
    }

    test("the policy refuses a pod that another webhook breaks after podrole, while the injector is running", async () => {
      await withLateWebhook(async () => {
        expect(await answers("the late webhook", /\[GUARD_MISSING\]/)).toBe(true);
      });
      await answers("an admission", undefined);
    });

    describe("while no replica runs", () => {
      beforeAll(async () => {
        await kill(injector);
        await createNamespace(admin(), "bare", { "podrole.dev/inject": "no" });
        for (const name of ["kube-system", NAMESPACE]) {
          await admin().patch(`${NAMESPACES}/${name}`, {
            metadata: { labels: { "podrole.dev/inject": "enabled" } },
          });
          await admin().request("POST", `${NAMESPACES}/${name}/serviceaccounts`, {
            metadata: { name: "default" },
          });
        }
      });
      afterAll(async () => {
        injector = await start();
      });

      test("pods of labelled namespaces cannot be created", async () => {
        const { status, body } = await create("shop", podObject("late", {}));
        expect(status).toBe(500);
        expect(body.message).toContain('failed calling webhook "pods.podrole.dev"');
      });

      test("podrole's own pods are created, at the Pod Security level of their namespace", async () => {
        for (const name of [INJECTOR, CONTROLLER]) {
          const ofName = ({ kind, metadata }: KubeObject): boolean =>
            kind === "Deployment" && metadata.name === name;
          const template = podOf(installed.objects.find(ofName));
          expect(await create(NAMESPACE, template)).toMatchObject({ status: 201, warnings: [] });
        }
      });

      test.for(["bare", "kube-system"])("pods of %s are created", async (namespace) => {
        const { status, body } = await create(namespace, podObject("free", {}));
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
      });

      test("the injector's own Deployment can be changed", async () => {
        const at = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${INJECTOR}`;
        expect(await admin().patch(at, { spec: { replicas: 3 } })).toMatchObject({ spec: { replicas: 3 } });
      });

      test("running pods can be labelled and deleted, and workloads can be changed", async () => {
        const [running] = (await admin().get(podsOf("shop"))).items;
        const at = `${podsOf("shop")}/${running.metadata.name}`;
        await admin().patch(at, { metadata: { labels: { a: "b" }, finalizers: ["shop.dev/a"] } });
        await admin().patch(at, { metadata: { finalizers: null } });
        await admin().delete(`${at}?gracePeriodSeconds=0`);
        expect(await admin().request("GET", at)).toMatchObject({ status: 404 });
        const grown = await admin().patch(`${DEPLOYMENTS}/catalog`, { spec: { replicas: 5 } });
        expect(grown.spec.replicas).toBe(5);
      });
    });

    test("the emergency command lets pods start without a guard until install.yaml is applied again", async () => {
      const configuration = installed.objects.find(({ kind }) => kind === "MutatingWebhookConfiguration");
      const binding = installed.objects.find(({ kind }) => kind === "ValidatingAdmissionPolicyBinding");
      await admin().delete(`${WEBHOOKS}/podrole`);
      await answers("the policy alone", /\[GUARD_MISSING\]/);
      await admin().delete(BINDING);
      const made = await until("a pod", async () => {
        const { status, body } = await create("shop", podObject("emergency", {}));
        return status === 201 ? body : undefined;
      });
      expect(made.spec.initContainers).toBeUndefined();
      await admin().create(placeOf(binding), binding);
      await admin().create(WEBHOOKS, configuration);
      // The controller restores its CA there.
      await answers("an admission", undefined);
      expect(injector.output() + controller.output()).not.toMatch(/PRIVATE/);
    }, 90_000);

    /** A webhook that always runs after podrole's and removes the guard. */
    async function withLateWebhook(work: () => Promise<void>): Promise<void> {
      const authority = await certificateAuthority("late", validFor(1, Date.now()));
      const server = createServer(
        await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now())),
        (asked, answer) => {
          void json(asked).then((review) => {
            const patch = btoa(JSON.stringify([{ op: "remove", path: "/spec/initContainers" }]));
            const { uid } = (review as KubeObject).request;
            const response = { uid, allowed: true, patchType: "JSONPatch", patch };
            answer.setHeader("content-type", "application/json");
            answer.end(
              JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }),
            );
          });
        },
      );
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      await admin().create(WEBHOOKS, {
        metadata: { name: "zz-late" },
        webhooks: [
          {
            name: "late.example.com",
            admissionReviewVersions: ["v1"],
            sideEffects: "None",
            reinvocationPolicy: "IfNeeded",
            clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: btoa(authority.cert) },
            rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
          },
        ],
      });
      try {
        await work();
      } finally {
        await admin().delete(`${WEBHOOKS}/zz-late`);
        server.closeAllConnections();
        server.close();
      }
    }
  },
);
