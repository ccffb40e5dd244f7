import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { BOTO3_CLIENT, canImport, PYTHON } from "../sdk/python.ts";
import { child, runChild, type Child } from "../support/child.ts";
import { until } from "../support/until.ts";
import type { BrokerCluster } from "./broker-rig.ts";
import { ROLES } from "./broker-sts.ts";
import type { KubeObject } from "./kube-client.ts";
import type { PodProcess } from "./pod-process.ts";

const JS_CLIENT = fileURLToPath(new URL("../support/sdk-client.ts", import.meta.url));

/** What pods get, and what STS and the log say of it. */
export function brokerSessions(cluster: () => BrokerCluster): void {
  describe("a pod", () => {
    let pod: KubeObject;
    let running: PodProcess;
    beforeAll(async () => {
      pod = await cluster().pod("shop", "web", "reader", {
        annotations: { [`${CONTAINER_ROLE_PREFIX}writer`]: "writer" },
        spec: { containers: ["app", "writer"].map((name) => ({ name, image: "shop/app:1" })) },
      });
      running = await cluster().run(pod);
      await running.ready();
    });

    test("is given the broker's address, the broker's CA and its roles, and nothing about STS", () => {
      const sidecar = pod.spec.initContainers.find(({ name }: KubeObject) => name === CONTAINER.sidecar);
      const env = Object.fromEntries(sidecar.env.map(({ name, value }: KubeObject) => [name, value]));
      expect(env).toMatchObject({
        [ENV.source]: "broker",
        [ENV.brokerUrl]: `https://127.0.0.1:${cluster().service.port}`,
        [ENV.brokerCa]: expect.stringContaining("BEGIN CERTIFICATE") as string,
      });
      const identities: readonly KubeObject[] = JSON.parse(env[ENV.identities]);
      expect(identities.map(({ name, steps }) => ({ name, steps }))).toEqual([
        { name: "pod", steps: [{ roleArn: `${ROLES}reader` }] },
        { name: "container/writer", steps: [{ roleArn: `${ROLES}writer` }] },
      ]);
      for (const name of [ENV.region, ENV.stsEndpoint, ENV.stsCa, ENV.sessionName])
        expect(env).not.toHaveProperty(name);
    });

    test("is its role for the AWS SDK for JavaScript, and a container its own", async () => {
      for (const [container, role] of [
        ["app", "reader"],
        ["writer", "writer"],
      ] as const) {
        const app = child([JS_CLIENT, cluster().sts.url], await running.envOf(container));
        expect(await printed(app)).toEqual({ arn: sessionArn(role, "shop.web") });
      }
    });

    test.skipIf(!canImport("boto3"))("is its role for boto3", async () => {
      const app = runChild(PYTHON, ["-c", BOTO3_CLIENT, cluster().sts.url], await running.envOf("app"));
      expect(await printed(app)).toEqual({ arn: sessionArn("reader", "shop.web") });
    });

    test("is known to STS by session name, SourceIdentity and tags", () => {
      const [call = new URLSearchParams()] = cluster().sts.callsFor("reader");
      expect(Object.fromEntries(call)).toMatchObject({
        Action: "AssumeRole",
        RoleSessionName: "shop.web",
        SourceIdentity: "shop.default",
        DurationSeconds: "3600",
      });
      expect(tagsIn(call)).toEqual({
        "kubernetes-namespace": "shop",
        "kubernetes-service-account": "default",
        "kubernetes-pod-name": "web",
        "kubernetes-pod-uid": pod.metadata.uid,
      });
    });

    test("has a line in the broker's log for each session, with the rule and STS's request", () => {
      const made = cluster()
        .programs.lines()
        .filter(({ msg, podUid }) => msg === "session made" && podUid === pod.metadata.uid);
      expect(new Set(made.map(({ identity }) => identity))).toEqual(new Set(["container/writer", "pod"]));
      expect(made.find(({ identity }) => identity === "pod")).toMatchObject({
        namespace: "shop",
        serviceAccount: "default",
        pod: "web",
        role: `${ROLES}reader`,
        rule: "RoleGrant shop",
        sessionName: "shop.web",
        stsRequestId: expect.stringMatching(/\S/) as string,
        expiresAt: expect.stringMatching(/^20\d\d-/) as string,
        shared: false,
      });
    });

    test("gets the same session again when its sidecar starts anew", async () => {
      const before = cluster().sts.callsFor("reader").length;
      const again = await cluster().run(pod);
      await again.ready();
      expect(cluster().sts.callsFor("reader")).toHaveLength(before);
    });
  });

  test("a role that does not allow sts:SetSourceIdentity is assumed without, and not asked with it again", async () => {
    for (const name of ["unsourced-0", "unsourced-1"]) {
      const pod = await cluster().pod("shop", name, "unsourced");
      expect(await cluster().askAs(pod, "unsourced")).toMatchObject({ status: 200 });
    }
    const sourceIdentities = cluster()
      .sts.callsFor("unsourced")
      .map((call) => call.get("SourceIdentity"));
    expect(sourceIdentities).toEqual(["shop.default", null, null]);
  });

  test("a role that does not trust the broker is refused with STS's code and a remedy, to the app as well", async () => {
    const pod = await cluster().pod("shop", "distrusting", "distrusting");
    const { status, body } = await cluster().askAs(pod, "distrusting");
    expect({ status, ...body }).toMatchObject({ status: 403, code: "AccessDenied", kind: "definite" });
    expect(body.remedy).toMatch(/trust/);
    const running = await cluster().run(pod);
    const answer = await until("a refusal", async () => {
      const one = await running.credentials().catch(() => undefined);
      return one?.body.includes("AccessDenied") === true ? one : undefined;
    });
    expect(answer.status).toBe(403);
  });
}

const sessionArn = (role: string, name: string): string =>
  `${ROLES.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}${role}/${name}`;

async function printed(client: Child): Promise<unknown> {
  expect({ code: await client.exited, output: client.output() }).toMatchObject({ code: 0 });
  // Before it, an SDK may print a warning.
  return JSON.parse(client.output().trim().split("\n").at(-1) ?? "");
}

/** The session tags of a call: `Tags.member.1.Key=...&Tags.member.1.Value=...` */
export function tagsIn(call: URLSearchParams): Readonly<Record<string, string>> {
  const keys = [...call].filter(([name]) => /^Tags\.member\.\d+\.Key$/.test(name));
  return Object.fromEntries(keys.map(([name, key]) => [key, call.get(name.replace(/Key$/, "Value")) ?? ""]));
}
