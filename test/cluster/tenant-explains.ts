import { expect, test } from "vitest";
import { podrole, type Run } from "../support/cli.ts";
import { tempFile } from "../support/temp-files.ts";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import { accountsOf, createNamespace, grantObject, GRANTS, NAMESPACES } from "./setting.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const SHOP = "tenant-shop";

const deployment = (role: string, spec: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: till}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata:
      labels: {app: till}
      annotations: {iam.amazonaws.com/role: "${role}"}
    spec: {containers: [{name: app, image: "shop/app:1", ${spec}}]}
`;

/** `podrole explain -f` by users who may not read RoleGrants, at a real API server with the injector behind it. */
export function tenantExplains(plane: () => ControlPlane): void {
  const explain = async (account: string, input: string, ...args: readonly string[]): Promise<Run> => {
    const kubeconfig = tempFile((await plane().serviceAccount(SHOP, account)).exportConfig());
    return podrole(["explain", "-f", "-", "-n", SHOP, "--kubeconfig", kubeconfig, ...args], input);
  };

  test("a tenant who may not read RoleGrants gets the webhook's and Pod Security's answers, or one honest line", async () => {
    const { admin } = plane();
    await createNamespace(admin, SHOP, { "pod-security.kubernetes.io/warn": "restricted" });
    await admin.create(
      GRANTS,
      grantObject("tenant-no", { effect: "Deny", roles: ["vault"], namespaces: [SHOP] }),
    );
    const rights = (name: string, ...rules: readonly (readonly [string, string])[]) => [
      admin.create(accountsOf(SHOP), { metadata: { name } }),
      admin.create(`${RBAC}/namespaces/${SHOP}/roles`, {
        metadata: { name },
        rules: rules.map(([verb, resource]) => ({ apiGroups: [""], resources: [resource], verbs: [verb] })),
      }),
      admin.create(`${RBAC}/namespaces/${SHOP}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
        subjects: [{ kind: "ServiceAccount", name, namespace: SHOP }],
      }),
    ];
    const reads = [
      ["get", "namespaces"],
      ["get", "serviceaccounts"],
      ["list", "limitranges"],
    ] as const;
    await Promise.all([
      ...rights("tenant", ...reads, ["create", "pods"], ["get", "pods"]),
      ...rights("reader", ...reads),
    ]);

    const good = await until("the tenant's rights", async () => {
      const run = await explain("tenant", deployment("till", ""));
      return run.code === 0 ? run : undefined;
    });
    expect(good.stdout).toMatch(
      /^Deployment tenant-shop\/till\n {2}its pods are injected: guard \(block\) and sidecar, as\s+arn:aws:iam::111122223333:role\/till\n/,
    );
    expect(good.stdout).toContain("The rules are hidden: the API server does not let");
    expect(good.stdout).toMatch(/list\s+rolegrants\.podrole\.dev/);
    expect(good.stdout).toMatch(/The API server says\n {2}would violate PodSecurity "restricted:latest"/);

    const bad = await until("the webhook to know the grant", async () => {
      const run = await explain("tenant", deployment("vault", ""), "-o", "json");
      return run.code === 1 ? run : undefined;
    });
    expect(JSON.parse(bad.stdout)).toMatchObject([
      {
        decision: "deny",
        summary: "its pods are denied: ROLE_DENIED_BY_GRANT",
        steps: [{ id: "labelled", answer: "yes" }, { id: "role" }],
      },
    ]);
    const [{ findings }] = JSON.parse(bad.stdout) as [{ findings: readonly object[] }];
    expect(findings).toMatchObject([
      { code: "ROLE_DENIED_BY_GRANT", message: expect.stringContaining("tenant-no") },
    ]);

    const pod = {
      metadata: { name: "till-0", annotations: { "iam.amazonaws.com/role": "till" } },
      spec: { containers: [{ name: "app", image: "shop/app:1" }] },
    };
    await admin.create(`${NAMESPACES}/${SHOP}/pods`, pod);
    const kubeconfig = tempFile((await plane().serviceAccount(SHOP, "tenant")).exportConfig());
    const stored = await podrole(["explain", "pod/till-0", "-n", SHOP, "--kubeconfig", kubeconfig]);
    expect(stored.stdout).toMatch(
      /^Pod tenant-shop\/till-0\n {2}injected: guard \(block\) and sidecar, as arn:/,
    );

    const missing = await explain(
      "tenant",
      deployment("till", "").replace("spec: {containers", "spec: {serviceAccountName: tilll, containers"),
    );
    expect(missing.stdout).toContain("its pods are refused by the API server");
    expect(missing.stdout).toMatch(/serviceaccount\s+"tilll"\s+not\s+found/);

    const none = await explain("reader", deployment("till", ""));
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toMatch(
      /^RULES_HIDDEN: The API server lets system:serviceaccount:tenant-shop:reader neither .+ nor create pods in namespace tenant-shop, .+ podrole-viewer.+\n$/,
    );
    expect((await admin.get(`${NAMESPACES}/${SHOP}/pods`)).items).toHaveLength(1);
  });
}
