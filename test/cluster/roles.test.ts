import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMetrics } from "../../sidecar/wire/metrics.ts";
import { podrole } from "../support/cli.ts";
import { config } from "../support/config.ts";
import { ACCOUNT, base } from "../support/facts.ts";
import { tempFile, tempFolder } from "../support/temp-files.ts";
import { until } from "../support/until.ts";
import { adminConfig, PLACE } from "./check-rig.ts";
import { whyNot, type ControlPlane } from "./control-plane.ts";
import {
  accountsOf,
  createNamespace,
  grantObject,
  GRANTS,
  NAMESPACES,
  podsOf,
  shippedObject,
  shippedObjects,
} from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const AUTHORIZATION = "rbac.authorization.k8s.io";
/** The API server asks no pod on loopback, so the stand-in for the sidecars is on the machine's own address. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;
const noAddress = address === undefined ? " (skipped: the machine has no address but loopback)" : "";

describe.skipIf(reason !== undefined)(
  `podrole roles of a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving | undefined;
    let plane: ControlPlane;
    let sidecar: Server;
    const asked: string[] = [];

    beforeAll(async () => {
      const metrics = createMetrics();
      metrics.countSts("Success");
      sidecar = createServer((request, response) => {
        asked.push(request.url ?? "");
        const expiresAt = { pod: Date.now() + 41 * 60_000 };
        response.end(
          metrics.text({ expiresAt, guard: "block", imdsReachable: false, imdsUnproven: undefined }),
        );
      });
      await new Promise<void>((resolve) => sidecar.listen(0, address ?? "127.0.0.1", resolve));
      const { port: healthPort } = sidecar.address() as AddressInfo;
      serving = await openInjector({ baseRoleArn: base(ACCOUNT), policy: "enforce", healthPort });
      ({ plane } = serving);
      await install(plane);
      await run(plane, "shop", "till-0", "till", "till-reader");
      await run(plane, "shop", "web-0", "web", undefined);
      await run(plane, "mall", "report-0", "report", "report-writer");
      await plane.admin.delete(`${GRANTS}/reports`);
    });
    afterAll(async () => {
      sidecar?.close();
      await serving?.close();
    });

    const roles = async (kubeconfig: string, ...args: readonly string[]) => {
      const ran = await podrole(["roles", "--kubeconfig", tempFile(kubeconfig), ...args]);
      return {
        ...ran,
        lines: ran.stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "|")),
        said: ran.stderr.replaceAll("\n", " "),
      };
    };
    const as = async (account: string): Promise<string> =>
      (await plane.serviceAccount("people", account)).exportConfig();

    test.skipIf(noAddress !== "")(
      `shows to an admin roles, rules that are gone, and the sessions that the API server reads from the pods${noAddress}`,
      async () => {
        const { code, lines, said } = await roles(adminConfig(plane), "-A", "-o", "wide");
        expect(lines.slice(1, 3)).toEqual([
          `mall|report-0|${ACCOUNT}report-writer|report|web-identity|RoleGrant reports (when it was made)|rule gone (ROLE_NOT_ALLOWED)|41m left`,
          `shop|till-0|${ACCOUNT}till-reader|till|web-identity|RoleGrant tills|allowed|41m left`,
        ]);
        expect(said).toMatch(/^2 pods with a role; 1 pod of handled namespaces without one; 0 pods/);
        expect(said).not.toContain("not shown");
        expect(code).toBe(1);
        expect(asked).toEqual(["/metrics", "/metrics"]);
      },
    );

    test("shows to who has ClusterRoles view and podrole-viewer everything but the sessions, and says in one line why not these", async () => {
      const viewer = await as("viewer");
      const { code, lines, said } = await until("the viewer's rights", async () => {
        const found = await roles(viewer, "-A");
        return found.code === 2 ? undefined : found;
      });
      expect(lines.slice(1, 3)).toEqual([
        "mall|report-0|report-writer|rule gone (ROLE_NOT_ALLOWED)|-",
        "shop|till-0|till-reader|allowed|-",
      ]);
      expect(said.match(/not shown/g)).toHaveLength(1);
      expect(said).toMatch(/system:serviceaccount:people:viewer may not get pods\/proxy in namespace mall/);
      expect(code).toBe(1);

      const reach = await roles(viewer, "-A", "--no-sessions", "--reach");
      expect(reach.lines).toEqual(
        expect.arrayContaining([
          `shop|till|Allow|${ACCOUNT}till-*|RoleGrant tills|1`,
          "shop|default web|None|-|no rule allows a role|-",
          expect.stringMatching(/^people\|-\|None\|-\|the namespace is not labelled/) as string,
        ]),
      );
      expect(reach.said).not.toContain("may not");

      const file = join(tempFolder(), "roles.html");
      expect((await roles(viewer, "-A", "--no-sessions", "--html", file)).stdout).toBe("");
      expect(readFileSync(file, "utf8")).toContain("pod whose rule is gone");
    });

    test("shows to who may list pods alone the roles that these were made with, and names the right that is missing", async () => {
      const { code, lines, said } = await until("the reader's rights", async () => {
        const found = await roles(await as("reader"), "-n", "shop", "-o", "wide", "--reach", "--no-sessions");
        return found.code === 2 ? undefined : found;
      });
      expect([code, lines]).toEqual([0, [""]]);
      expect(said).toMatch(
        /are left out, and roles are what the pods say: system:serviceaccount:people:reader may not list rolegrants\.podrole\.dev\. ClusterRoles view and podrole-viewer have/,
      );
      const rows = await roles(await as("reader"), "-n", "shop", "--no-sessions");
      expect(rows.lines[1]).toBe("till-0|till-reader|not known|-");
      expect(rows.said.match(/may not/g)).toHaveLength(1);
    });

    test("tells who may not list pods so, in one line", async () => {
      const { code, stdout, stderr } = await roles(await as("nobody"), "-A");
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^API_REFUSED: .+people:nobody list pods \(HTTP 403\)\. [^\n]+\n$/);
    });

    test("sees the label of the namespace withdrawn", async () => {
      await plane.admin.patch(`${NAMESPACES}/mall`, { metadata: { labels: { "podrole.dev/inject": null } } });
      const { lines } = await roles(adminConfig(plane), "-n", "mall", "--no-sessions");
      expect(lines[1]).toBe("report-0|report-writer|not labelled, role not proven|-");
    });

    test.for([
      ["people", {}, "not labelled"],
      ["shop", { os: { name: "windows" } }, "for Windows"],
    ] as const)(
      "tells no role as given that the author of a pod wrote into it, in namespace %s with %j: %s",
      async ([space, spec, why]) => {
        const status = { source: "web-identity", role: `${ACCOUNT}till-reader`, rule: "RoleGrant tills" };
        const own = { name: "podrole-sidecar", image: "own:1", restartPolicy: "Always" };
        const pod = podObject(
          "forged",
          { "podrole.dev/status": JSON.stringify(status) },
          { initContainers: [own], serviceAccountName: space === "people" ? "viewer" : "web", ...spec },
        );
        expect((await plane.admin.request("POST", podsOf(space), pod)).status).toBe(201);
        const { lines, said } = await roles(adminConfig(plane), "-n", space, "--no-sessions");
        expect(lines).toContain(`forged|till-reader|${why}, role not proven, no guard|-`);
        expect(said).toContain("1 pod has only its own word for its role");
      },
    );
  },
);

/** What a cluster admin sets up: namespaces, service accounts, grants, settings, and people with rights of their own. */
async function install({ admin }: ControlPlane): Promise<void> {
  for (const name of ["shop", "mall"]) await createNamespace(admin, name);
  for (const name of [PLACE, "people"]) await admin.create(NAMESPACES, { metadata: { name } });
  const settings = await shippedObject("ConfigMap");
  Object.assign(settings.data, { policy: "enforce", baseRoleArn: ACCOUNT, image: config().image });
  await admin.create(`${NAMESPACES}/${PLACE}/configmaps`, settings);
  for (const [space, name] of [
    ["shop", "till"],
    ["shop", "web"],
    ["mall", "report"],
    ["people", "viewer"],
    ["people", "reader"],
    ["people", "nobody"],
  ] as const)
    await admin.create(accountsOf(space), { metadata: { name } });
  await admin.create(
    GRANTS,
    grantObject("tills", { roles: ["till-*"], namespaces: ["shop"], serviceAccounts: ["till"] }),
  );
  await admin.create(GRANTS, grantObject("reports", { roles: ["report-writer"], namespaces: ["mall"] }));
  const viewer = (await shippedObjects()).find((one) => one.metadata.name === "podrole-viewer");
  await admin.create(`${RBAC}/clusterroles`, viewer);
  const bound = (kind: "ClusterRole" | "Role", role: string, name: string) => ({
    metadata: { name: `${name}-${role.replaceAll(":", "-")}` },
    roleRef: { apiGroup: AUTHORIZATION, kind, name: role },
    subjects: [{ kind: "ServiceAccount", name, namespace: "people" }],
  });
  // What a controller, which does not run here, makes ClusterRole view of.
  for (const role of ["podrole-viewer", "system:aggregate-to-view"])
    await admin.create(`${RBAC}/clusterrolebindings`, bound("ClusterRole", role, "viewer"));
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }];
  await admin.create(`${RBAC}/namespaces/shop/roles`, { metadata: { name: "reader" }, rules });
  await admin.create(`${RBAC}/namespaces/shop/rolebindings`, bound("Role", "reader", "reader"));
}

/** Makes a pod through the webhook, and has it run as a kubelet would report it. */
async function run(
  { admin }: ControlPlane,
  space: string,
  name: string,
  serviceAccountName: string,
  role: string | undefined,
): Promise<void> {
  const annotations = role === undefined ? {} : { "iam.amazonaws.com/role": role };
  await until("the webhook to know the grant", async () => {
    const pod = podObject(name, annotations, { serviceAccountName });
    return (await admin.request("POST", podsOf(space), pod)).status === 201 || undefined;
  });
  const podIP = address ?? "192.0.2.1";
  await admin.patch(`${podsOf(space)}/${name}/status`, {
    status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] },
  });
}
