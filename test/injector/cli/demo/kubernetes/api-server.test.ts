import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { apiServerStandIn } from "../../../../../injector/cli/demo/kubernetes/api-server.ts";
import { apiServer } from "../../../../../injector/cluster/api-server.ts";
import { NAMESPACES } from "../../../../../injector/cluster/fact-kinds.ts";
import { informer } from "../../../../../injector/cluster/informer.ts";
import { systemClock } from "../../../../../sidecar/kit/clock.ts";
import { logLines } from "../../../../support/log-lines.ts";
import { until } from "../../../../support/until.ts";

const PODS = `${NAMESPACES.path}/shop/pods`;
const REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
const MINTED = {
  subject: "system:serviceaccount:shop:orders",
  audience: "podrole-broker",
  pod: { name: "orders", uid: "u-1" },
};
const namespace = (color: string) => ({ metadata: { name: "shop", labels: { color } } });
const never = new AbortController().signal;

/** The stand-in during one test, and podrole's own client of it. */
async function standIn() {
  const server = await apiServerStandIn();
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: "demo", server: server.url, skipTLSVerify: true }, { name: "demo" });
  const api = apiServer(config);
  onTestFinished(async () => {
    api.close();
    await server.close();
  });
  const get = (path: string) => api.get(path, 5000, never);
  const review = (token: string, audiences = ["podrole-broker"]) =>
    api.create(REVIEWS, { spec: { token, audiences } }, 5000, never);
  return { ...server, api, get, review };
}

describe("the demo's API server", () => {
  test("gives an object by its path, and 404 for one that it was not told of", async () => {
    const { put, remove, get } = await standIn();
    put(PODS, { metadata: { name: "orders", uid: "u-1" } });
    expect(await get(`${PODS}/orders`)).toMatchObject({ metadata: { name: "orders", uid: "u-1" } });
    remove(PODS, "orders");
    await expect(get(`${PODS}/orders`)).rejects.toMatchObject({ status: 404 });
  });

  test("lists a kind and tells its watches of each change", async () => {
    const { put, remove, api } = await standIn();
    put(NAMESPACES.path, namespace("red"));
    const followed = informer(NAMESPACES, { api, log: logLines().log, clock: systemClock });
    const stopping = new AbortController();
    const running = followed.run(stopping.signal);
    onTestFinished(async () => {
      stopping.abort();
      await running;
    });
    const color = () => followed.get("shop")?.labels["color"];
    await until("the list", () => color() === "red" || undefined);
    put(NAMESPACES.path, namespace("blue"));
    await until("the change", () => color() === "blue" || undefined);
    remove(NAMESPACES.path, "shop");
    await until("the removal", () => followed.size() === 0 || undefined);
    expect(followed.problem()).toBeUndefined();
  });

  test("tells a watch what has changed since its list", async () => {
    const { put, api, get } = await standIn();
    const list = await get(`${NAMESPACES.path}?limit=500`);
    put(NAMESPACES.path, namespace("red"));
    const { metadata } = list as { readonly metadata: { readonly resourceVersion: string } };
    const path = `${NAMESPACES.path}?watch=true&resourceVersion=${metadata.resourceVersion}`;
    for await (const line of await api.lines(path, 5000, never)) {
      expect(JSON.parse(line)).toMatchObject({ type: "ADDED", object: namespace("red") });
      break;
    }
  });

  test("says whose a token is, and in which pod", async () => {
    const { addToken, review } = await standIn();
    addToken("the token", MINTED);
    expect(await review("the token")).toMatchObject({
      status: {
        authenticated: true,
        user: {
          username: "system:serviceaccount:shop:orders",
          extra: {
            "authentication.kubernetes.io/pod-name": ["orders"],
            "authentication.kubernetes.io/pod-uid": ["u-1"],
          },
        },
        audiences: ["podrole-broker"],
      },
    });
  });

  test.each([
    ["that it does not know", "another", ["podrole-broker"]],
    ["of another audience", "the token", ["sts.amazonaws.com"]],
  ])("does not accept a token %s", async (_what, token, audiences) => {
    const { addToken, review } = await standIn();
    addToken("the token", MINTED);
    expect(await review(token, audiences)).toMatchObject({ status: { authenticated: false } });
  });
});
