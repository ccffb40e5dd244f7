import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IDENTITY_TOKEN, TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import { until } from "../support/until.ts";
import { whyNot } from "./control-plane.ts";
import { NAMESPACE, openInstallation, userOf, type Installed } from "./installation.ts";
import { clientFor, withToken, type KubeClient, type KubeObject } from "./kube-client.ts";
import { rendered, whyNoHelm } from "../support/helm.ts";
import { policyRights } from "./metadata-policies-rig.ts";
import { placeOf } from "./places.ts";
import { DEFAULT_RIGHTS, linesOf, rightsWith, type Rights } from "./rights.ts";
import {
  accountsOf,
  BROKER,
  CONTROLLER,
  createNamespace,
  GRANTS,
  INJECTOR,
  MISSING_OWNER,
  NAMESPACES,
} from "./setting.ts";

const reason = whyNot();
const REVIEWS = "/apis/authorization.k8s.io/v1";
const ACCOUNTS = [INJECTOR, CONTROLLER] as const;
const PLACES = [NAMESPACE, "kube-system", "shop"] as const;

const OF_RIGHTS: ReadonlySet<string> = new Set([
  "ServiceAccount",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
]);

/** What leads from a token to more than it has: the verbs, and a resource as `group/resource/subresource`. */
const LEADS_ON: readonly (readonly [verbs: string, resource: string, name?: string])[] = [
  ["create,update,patch,delete", "pods"],
  ["create,get", "pods/exec"],
  ["create,get", "pods/attach"],
  ["create,get", "pods/portforward"],
  ["create,get", "pods/proxy"],
  ["update,patch", "pods/ephemeralcontainers"],
  ["get", "pods/log"],
  ["create,update,patch", "apps/deployments"],
  ["create,update,patch", "apps/daemonsets"],
  ["create,update,patch", "batch/jobs"],
  ["create,update,patch", "batch/cronjobs"],
  ["create,update,patch", "replicationcontrollers"],
  ["list,watch,delete,patch", "secrets"],
  ["get,update", "secrets", "another"],
  ["create,update,delete", "configmaps"],
  ["patch", "configmaps", "another"],
  ["create,update,patch", "serviceaccounts"],
  ["create", "serviceaccounts/token"],
  ["impersonate", "serviceaccounts"],
  ["impersonate", "users"],
  ["impersonate", "groups"],
  ["impersonate", "authentication.k8s.io/userextras/scopes"],
  ["create,update,patch,bind,escalate", "rbac.authorization.k8s.io/roles"],
  ["create,update,patch,bind,escalate", "rbac.authorization.k8s.io/clusterroles"],
  ["create,update,patch", "rbac.authorization.k8s.io/rolebindings"],
  ["create,update,patch", "rbac.authorization.k8s.io/clusterrolebindings"],
  ["create,delete,update", "admissionregistration.k8s.io/mutatingwebhookconfigurations"],
  ["patch", "admissionregistration.k8s.io/mutatingwebhookconfigurations", "another"],
  ["create,update,patch,delete", "admissionregistration.k8s.io/validatingwebhookconfigurations"],
  ["create,update,patch,delete", "admissionregistration.k8s.io/validatingadmissionpolicies"],
  ["create,update,patch,delete", "admissionregistration.k8s.io/validatingadmissionpolicybindings"],
  ["create,update,patch,delete", "admissionregistration.k8s.io/mutatingadmissionpolicies"],
  ["create,update,patch", "apiextensions.k8s.io/customresourcedefinitions"],
  ["create,update,patch", "apiregistration.k8s.io/apiservices"],
  ["create,update", "certificates.k8s.io/certificatesigningrequests"],
  ["update", "certificates.k8s.io/certificatesigningrequests/approval"],
  ["approve,sign", "certificates.k8s.io/signers"],
  ["get,create", "nodes/proxy"],
  ["update,patch", "nodes"],
  ["update,patch", "nodes/status"],
  ["create", "persistentvolumes"],
  ["create,update,patch", "services"],
  ["create,update,patch", "endpoints"],
  ["create,update,patch", "discovery.k8s.io/endpointslices"],
  ["list,create,update,patch,delete", "networking.k8s.io/networkpolicies"],
  ["create,update,patch,delete", "networking.k8s.io/networkpolicies", "another"],
  ["create,update,patch,delete", "namespaces"],
  ["update", "namespaces/finalize"],
  ["create,update,patch,delete", "podrole.dev/rolegrants"],
  ["create,patch", "events"],
  ["create,patch", "events.k8s.io/events"],
  ["create,update", "coordination.k8s.io/leases"],
  ["*", "*/*"],
];

describe.skipIf(reason !== undefined)(
  `what podrole's tokens may do, by a real API server's authorizer${reason ? `: ${reason}` : ""}`,
  () => {
    let installed: Installed;
    const clientOf = async (namespace: string, name: string): Promise<KubeClient> =>
      clientFor(await installed.plane.serviceAccount(namespace, name));

    beforeAll(async () => {
      installed = await openInstallation();
      await createNamespace(installed.plane.admin, "shop");
    });
    afterAll(() => installed?.close());

    /** What `kubectl auth can-i --list` prints, each right by itself. */
    async function rightsIn(namespace: string, client: KubeClient): Promise<readonly string[]> {
      const { status } = await client.create(`${REVIEWS}/selfsubjectrulesreviews`, { spec: { namespace } });
      expect(status.incomplete).toBe(false);
      const lines = status.resourceRules.flatMap(
        ({ verbs, apiGroups, resources, resourceNames = ["*"] }: KubeObject) =>
          apiGroups.flatMap((group: string) =>
            resources.flatMap((resource: string) =>
              verbs.flatMap((verb: string) =>
                resourceNames.map((name: string) =>
                  [verb, group === "" ? resource : `${group}/${resource}`, name].join(" "),
                ),
              ),
            ),
          ),
      );
      const paths = status.nonResourceRules.flatMap(({ verbs, nonResourceURLs }: KubeObject) =>
        verbs.flatMap((verb: string) => nonResourceURLs.map((url: string) => `${verb} ${url}`)),
      );
      return [...new Set<string>([...lines, ...paths])];
    }

    /** The rights that each account has in each place by the API server, and by a table. */
    async function compared(
      table: readonly Rights[],
      accounts: readonly string[] = ACCOUNTS,
    ): Promise<readonly [object[], object[]]> {
      const [held, listed]: [object[], object[]] = [[], []];
      const everyone = new Set(await rightsIn("shop", await clientOf("shop", "default")));
      for (const account of accounts) {
        const client = await clientOf(NAMESPACE, account);
        for (const place of PLACES) {
          const rights = (await rightsIn(place, client)).filter((right) => !everyone.has(right));
          const lines = linesOf(table.filter((one) => one.account === account))
            .map((line) => line.split(" ").slice(1))
            .filter(([namespace = ""]) => namespace === "*" || namespace === place)
            .map(([, ...right]) => right.join(" "));
          held.push({ account, place, rights: rights.toSorted() });
          listed.push({ account, place, rights: lines.toSorted() });
        }
      }
      return [held, listed];
    }

    test("they are exactly the rights of the table in the security model", async () => {
      const [held, listed] = await compared(DEFAULT_RIGHTS);
      expect(held).toEqual(listed);
    });

    test.for([
      ["podrole.dev/pod", IDENTITY_TOKEN.audience("pod")],
      ["sts.amazonaws.com", TOKEN_VOLUME.audience],
    ] as const)("the API server accepts no token of audience %s", async ([, audience]) => {
      const asked = `${accountsOf("shop")}/default/token`;
      const tokenOf = async (spec: object): Promise<string> =>
        (await installed.plane.admin.create(asked, { spec })).status.token as string;
      const status = async (token: string): Promise<number> =>
        (await withToken(installed.plane.adminConfig, token).request("GET", "/api")).status;
      expect(await status(await tokenOf({}))).toBe(200);
      expect(await status(await tokenOf({ audiences: [audience] }))).toBe(401);
    });

    test("no other service account has rights by podrole's bindings", () => {
      const subjects = installed.objects
        .filter(({ kind }) => kind === "ClusterRoleBinding" || kind === "RoleBinding")
        .flatMap((binding): readonly KubeObject[] => binding.subjects)
        .map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`);
      const known = ACCOUNTS.map((name) => `ServiceAccount ${NAMESPACE}/${name}`);
      expect(new Set(subjects)).toEqual(new Set(known));
      const made = installed.objects.filter(({ kind }) => kind === "ServiceAccount");
      expect(new Set(made.map(({ metadata }) => metadata.name))).toEqual(new Set(ACCOUNTS));
    });

    /** Of what leads to more, that which these accounts may do. */
    async function leadingOn(accounts: readonly string[]): Promise<readonly string[]> {
      const asked = accounts.flatMap((account) =>
        PLACES.flatMap((namespace) =>
          LEADS_ON.flatMap(([verbs, resource, name]) =>
            verbs.split(",").map((verb) => ({ account, namespace, verb, resource, name })),
          ),
        ),
      );
      expect(asked.length).toBeGreaterThan(250 * accounts.length);
      const allowed: string[] = [];
      for (const { account, namespace, verb, resource, name } of asked) {
        const { status } = await installed.plane.admin.create(`${REVIEWS}/subjectaccessreviews`, {
          spec: {
            user: userOf(account),
            groups: ["system:serviceaccounts", `system:serviceaccounts:${NAMESPACE}`, "system:authenticated"],
            resourceAttributes: { namespace, verb, ...attributesOf(resource), ...(name ? { name } : {}) },
          },
        });
        if (status.allowed === true) allowed.push(`${account} ${namespace} ${verb} ${resource}`);
      }
      return allowed;
    }

    test("they may do nothing that leads to more, in any namespace", async () => {
      expect(await leadingOn(ACCOUNTS)).toEqual([]);
    });

    const noHelm = whyNoHelm();
    test.skipIf(noHelm !== undefined)(
      "they are those of the table too where the controller keeps NetworkPolicies",
      async () => {
        for (const object of policyRights()) await installed.plane.admin.create(placeOf(object), object);
        const [held, listed] = await compared(rightsWith("labelled"));
        expect(held).toEqual(listed);
      },
    );

    test.skipIf(noHelm !== undefined)(
      "they are those of the table too where there is a broker, and its token leads to nothing more",
      async () => {
        const objects = rendered({ broker: { enabled: true, identity: { type: "node" } } });
        for (const object of objects.filter((one) => OF_RIGHTS.has(one?.kind))) {
          const { status } = await installed.plane.admin.request("POST", placeOf(object), object);
          const path = `${placeOf(object)}/${object.metadata.name}`;
          if (status === 409) await installed.plane.admin.request("PUT", path, object);
        }
        const accounts = [...ACCOUNTS, BROKER];
        const [held, listed] = await compared(rightsWith("labelled", "broker"), accounts);
        expect(held).toEqual(listed);
        expect(await leadingOn(accounts)).toEqual([]);
      },
    );

    describe("the controller, of whose rights RBAC cannot narrow two,", () => {
      const secrets = `${NAMESPACES}/${NAMESPACE}/secrets`;
      const settings = `${NAMESPACES}/${NAMESPACE}/configmaps/podrole-config`;
      const made = (name: string, over: object = {}): object => ({
        metadata: { name },
        type: "Opaque",
        ...over,
      });
      let controller: KubeClient;
      const created = async (object: object): Promise<string> => {
        const { status, body } = await controller.request("POST", `${secrets}?dryRun=All`, object);
        return `${status} ${body.message ?? ""}`;
      };
      const patched = async (change: object): Promise<string> => {
        const type = "application/merge-patch+json";
        const { status, body } = await controller.request("PATCH", `${settings}?dryRun=All`, change, type);
        return `${status} ${body.message ?? ""}`;
      };
      const refused = expect.stringContaining("[CONTROLLER_WRITE] ") as string;

      beforeAll(async () => {
        controller = await clientOf(NAMESPACE, CONTROLLER);
        await until(
          "the policy to be in force",
          async () => (await created(made("another"))).includes("[CONTROLLER_WRITE]") || undefined,
          30_000,
        );
      });

      test("creates its own two Secrets", async () => {
        expect(await created(made("podrole-controller-ca"))).toMatch(/^201/);
        const data = { "tls.crt": "", "tls.key": "" };
        expect(await created(made("podrole-injector-tls", { type: "kubernetes.io/tls", data }))).toMatch(
          /^201/,
        );
      });

      test.for([
        ["by another name", made("another")],
        ["by a name that the API server completes", { metadata: { generateName: "podrole-injector-tls" } }],
        [
          "which is a release of Helm's, that the next upgrade would follow",
          made("sh.helm.release.v1.podrole.v99", { type: "helm.sh/release.v1" }),
        ],
        [
          "which asks for a service account's token, under a name that it may read",
          made("podrole-controller-ca", {
            metadata: {
              name: "podrole-controller-ca",
              annotations: { "kubernetes.io/service-account.name": "default" },
            },
            type: "kubernetes.io/service-account-token",
          }),
        ],
        [
          "of a type that logs in somewhere",
          made("podrole-controller-ca", { type: "bootstrap.kubernetes.io/token" }),
        ],
      ] as const)("creates no Secret %s", async ([, object]) => {
        await installed.plane.admin.request("POST", accountsOf(NAMESPACE), { metadata: { name: "default" } });
        expect(await created(object)).toEqual(refused);
      });

      test("changes which forms of pods are accepted, and no setting", async () => {
        expect(await patched({ data: { "accepted.0.version": "1" } })).toMatch(/^200/);
        for (const data of [{ guard: "off" }, { image: "evil" }, { version: null }, { accepted: "x" }])
          expect(await patched({ data })).toEqual(refused);
      });

      test.for([
        [
          "an owner that is not there, so that Kubernetes removes them",
          { metadata: { ownerReferences: [MISSING_OWNER] } },
        ],
        ["a finalizer", { metadata: { finalizers: ["example.com/stay"] } }],
        ["a label by which a GitOps tool removes them", { metadata: { labels: { "example.com/app": "a" } } }],
        ["such an annotation", { metadata: { annotations: { "example.com/app": "a" } } }],
        ["immutable, so that nobody changes them", { immutable: true }],
        ["binary data", { binaryData: { a: "YQ==" } }],
      ] as const)("gives the settings' ConfigMap nothing else: %s", async ([, change]) => {
        expect(await patched(change)).toEqual(refused);
        expect(await patched({ ...change, data: { "accepted.0.version": "1" } })).toEqual(refused);
      });

      test("changes nothing of a RoleGrant but its status", async () => {
        const spec = { effect: "Deny", namespaces: ["shop"], roles: ["arn:aws:iam::111122223333:role/a"] };
        const kind = { apiVersion: "podrole.dev/v1alpha1", kind: "RoleGrant" };
        await installed.plane.admin.create(GRANTS, { ...kind, metadata: { name: "deny" }, spec });
        const { status, body } = await controller.request(
          "PATCH",
          `${GRANTS}/deny/status`,
          {
            metadata: {
              ownerReferences: [MISSING_OWNER],
              finalizers: ["example.com/stay"],
              labels: { a: "b" },
            },
            spec: { effect: "Allow" },
            status: { podsUsing: 7 },
          },
          "application/merge-patch+json",
        );
        expect([status, body.status, body.spec]).toEqual([200, { podsUsing: 7 }, spec]);
        for (const field of ["ownerReferences", "finalizers", "labels"])
          expect(body.metadata).not.toHaveProperty(field);
      });
    });
  },
);

/** Of `group/resource/subresource`, where the core group is left out. */
function attributesOf(text: string): object {
  const [first = "", ...rest] = text.split("/");
  const [group, resource = "", subresource] =
    first.includes(".") || first === "*" || GROUPS.has(first) ? [first, ...rest] : ["", first, ...rest];
  return { group, resource, ...(subresource === undefined ? {} : { subresource }) };
}

const GROUPS: ReadonlySet<string> = new Set(["apps", "batch"]);
