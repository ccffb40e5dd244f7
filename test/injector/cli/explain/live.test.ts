import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { explainLive } from "../../../../injector/cli/explain/live.ts";
import type { ConfigFrom } from "../../../../injector/cli/live/installed.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { tempFile } from "../../../support/temp-files.ts";
import { config } from "../../../support/config.ts";
import { BILLING } from "../../../support/facts.ts";
import { fakeApiServer, type FakeApiServer } from "../../../support/fake-api-server.ts";
import { injected, plainPod, pod, throughApiServer } from "../../../support/pods.ts";
import { thrown } from "../../../support/thrown.ts";

const CORE = "/api/v1/namespaces";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments";
const DENY_ALL = { effect: "Deny", roles: ["*"], namespaces: ["*"] };

interface Rig {
  readonly server: FakeApiServer;
  readonly kubeconfig: string;
  readonly ask: (...references: readonly string[]) => ReturnType<typeof explainLive>;
}

/** A cluster with a namespace `shop` and an injected pod `web` in it. */
async function rig(): Promise<Rig> {
  const server = await fakeApiServer();
  server.put(CORE, { metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } } });
  server.answer(`GET ${CORE}/shop/pods/web`, throughApiServer(injected(pod())));
  const kubeconfig = tempFile(server.config.exportConfig());
  return {
    server,
    kubeconfig,
    ask: (...references) => explainLive(references, { kubeconfig, namespace: "shop" }, own),
  };
}

/** As where there is no ConfigMap to read settings from. */
const own: ConfigFrom = () => ({ config: config(), assumptions: [] });

const refusal = (work: Promise<unknown>) => thrown(() => work);

describe("podrole explain of what is in a cluster", () => {
  test("reads the object, its namespace, service account, LimitRanges and RoleGrants, each once, and follows nothing", async () => {
    const { server, ask } = await rig();
    const [explanation] = await ask("pod/web");
    expect(explanation).toMatchObject({
      object: "Pod shop/web",
      decision: "inject",
      running: { state: "same" },
    });
    expect([...server.requests].sort()).toEqual([
      `GET ${CORE}/podrole-system/configmaps/podrole-config`,
      `GET ${CORE}/shop`,
      `GET ${CORE}/shop/pods/web`,
      `GET ${CORE}/shop/serviceaccounts/default`,
      `LIST ${CORE}/shop/limitranges`,
      `LIST ${GRANTS}`,
    ]);
  });

  test("decides by the cluster's service account, all pages of grants and namespace annotations", async () => {
    const { server, ask } = await rig();
    server.put("/api/v1/serviceaccounts", {
      metadata: {
        name: "biller",
        namespace: "shop",
        annotations: { [ANNOTATION.serviceAccountRole]: BILLING },
      },
    });
    for (let n = 0; n < 600; n++) {
      server.put(GRANTS, { metadata: { name: `g${n}` }, spec: { roles: [], namespaces: ["till"] } });
    }
    server.put(GRANTS, { metadata: { name: "nobody" }, spec: DENY_ALL });
    server.answer(`GET ${DEPLOYMENTS}/bills`, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "bills", namespace: "shop" },
      spec: { template: plainPod({ serviceAccountName: "biller" }) },
    });
    const [explanation] = await ask("deploy/bills");
    expect(explanation).toMatchObject({
      object: "Deployment shop/bills",
      decision: "deny",
      findings: [{ code: "ROLE_DENIED_BY_GRANT", message: expect.stringContaining("nobody") }],
    });
    expect(server.requests.filter((line) => line === `LIST ${GRANTS}`)).toHaveLength(2);
  });

  test("explains several objects, in the order in which they are named", async () => {
    const { server, ask } = await rig();
    server.answer(`GET ${CORE}/shop/pods/plain`, { ...plainPod(), metadata: { name: "plain" } });
    const explanations = await ask("po/plain", "pods/web");
    expect(explanations.map(({ object, running }) => [object, running?.state])).toEqual([
      ["Pod shop/plain", "not-injected"],
      ["Pod shop/web", "same"],
    ]);
  });

  test.for([
    ["pods/x", "/api/v1/namespaces/shop/pods/x"],
    ["deployment.apps/x", `${DEPLOYMENTS}/x`],
    ["sts/x", "/apis/apps/v1/namespaces/shop/statefulsets/x"],
    ["cronjobs/x", "/apis/batch/v1/namespaces/shop/cronjobs/x"],
    ["job.batch/x", "/apis/batch/v1/namespaces/shop/jobs/x"],
  ] as const)("takes kinds as kubectl does: %s", async ([reference, path]) => {
    const { server, ask } = await rig();
    expect(await refusal(ask(reference))).toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(server.requests).toContain(`GET ${path}`);
  });

  test("takes the namespace of the kubeconfig's context where none is given", async () => {
    const { server, kubeconfig } = await rig();
    const exported = JSON.parse(server.config.exportConfig());
    const [{ context }] = exported.contexts;
    exported.contexts = ["shop", "till"].map((name) => ({ name, context: { ...context, namespace: name } }));
    const file = tempFile(JSON.stringify({ ...exported, "current-context": "shop" }));
    const [explanation] = await explainLive(["pod/web"], { kubeconfig: file }, own);
    expect(explanation).toMatchObject({ namespace: "shop" });
    const there = explainLive(["pod/web"], { kubeconfig: file, context: "till" }, own);
    expect(await refusal(there)).toMatchObject({ message: "There is no pod till/web." });
    const nowhere = explainLive(["pod/web"], { kubeconfig, context: "absent" }, own);
    expect(await refusal(nowhere)).toMatchObject({
      code: "CONTEXT_UNKNOWN",
      remedy: "It has loaded-context.",
    });
  });

  test("reads no service account under a name that no account can have", async () => {
    const { server, ask } = await rig();
    server.answer(`GET ${CORE}/shop/pods/web`, plainPod({ serviceAccountName: "../../till" }));
    await ask("pod/web");
    expect(server.requests.filter((line) => line.includes("serviceaccounts"))).toEqual([]);
  });
});

describe("podrole explain says in one sentence what is wrong and what to do", () => {
  test("with a namespace that is not there, an object that is not there, or one that holds no pod", async () => {
    const { server, ask, kubeconfig } = await rig();
    expect(await refusal(ask("pod/absent"))).toMatchObject({
      code: "OBJECT_NOT_FOUND",
      message: "There is no pod shop/absent.",
      remedy: expect.stringContaining("kubectl get pod -n shop"),
    });
    server.answer(`GET ${CORE}/till/pods/web`, pod());
    const elsewhere = explainLive(["pod/web"], { kubeconfig, namespace: "till" }, own);
    expect(await refusal(elsewhere)).toMatchObject({ code: "NAMESPACE_NOT_FOUND" });
    server.answer("GET /apis/argoproj.io", { apiVersion: "argoproj.io/v1alpha1", kind: "Rollout", spec: {} });
    expect(await refusal(ask("rollout/canary"))).toMatchObject({ code: "NOTHING_TO_EXPLAIN" });
  });

  test.for([
    "web",
    "service/web",
    "pod/",
    "pod/..",
    "pod/a/b",
    "pod/Web",
    "/web",
    "pod/a?b",
    "constructor/x",
    "",
  ])("with a name such as %j, asking nothing", async (reference) => {
    const { server, ask } = await rig();
    expect(await refusal(ask(reference))).toMatchObject({
      code: "REFERENCE_INVALID",
      remedy: expect.stringContaining("deployment"),
    });
    expect(server.requests).toEqual([]);
  });

  test("with a namespace name that is not valid", async () => {
    const { kubeconfig, server } = await rig();
    const wrong = explainLive(["pod/web"], { kubeconfig, namespace: "../x" }, own);
    expect(await refusal(wrong)).toMatchObject({ code: "REFERENCE_INVALID" });
    expect(server.requests).toEqual([]);
  });

  test.for([
    [403, "API_REFUSED", "HTTP 403: said with 403."],
    [500, "API_REFUSED", "HTTP 500"],
    ["reset", "API_UNREACHABLE", "cannot be reached"],
  ] as const)("with an API server that answers %s", async ([answer, code, words]) => {
    const { server, ask } = await rig();
    server.answer(`LIST ${GRANTS}`, answer);
    const message: unknown = expect.stringContaining(words);
    expect(await refusal(ask("pod/web"))).toMatchObject({ code, message, remedy: expect.any(String) });
  });

  test("with an API server that is not there", async () => {
    const { server, ask } = await rig();
    await server.stop();
    expect(await refusal(ask("pod/web"))).toMatchObject({
      code: "API_UNREACHABLE",
      message: expect.stringMatching(
        /^The API server http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/,
      ),
    });
  });

  test("with a RoleGrant that cannot be read and may be about the pod, but not with one about others", async () => {
    const { server, ask } = await rig();
    server.put(GRANTS, { metadata: { name: "theirs" }, spec: { effect: "deny", namespaces: ["till"] } });
    expect(await ask("pod/web")).toMatchObject([{ decision: "inject" }]);
    server.put(GRANTS, { metadata: { name: "broken" }, spec: { effect: "deny", namespaces: ["shop"] } });
    expect(await refusal(ask("pod/web"))).toMatchObject({
      code: "GRANT_INVALID",
      message: "RoleGrant broken has a spec.effect other than Allow and Deny.",
    });
  });

  test.for([
    ["a missing file", undefined, "ENOENT"],
    ["text that is not YAML, quoting none of it", "users:\n- token: s3cret\n  : [", ""],
    ["an empty file", "", ""],
    ["a context without a cluster", '{"clusters":[],"users":[],"contexts":[]}', "names no cluster"],
  ] as const)("with %s for a kubeconfig", async ([, content, words]) => {
    const kubeconfig = content === undefined ? join(tmpdir(), "podrole-absent") : tempFile(content);
    const error = await refusal(explainLive(["pod/web"], { kubeconfig }, own));
    expect(error).toMatchObject({ code: "KUBECONFIG_UNREADABLE", message: expect.stringContaining(words) });
    expect(String(error)).not.toContain("s3cret");
  });
});
