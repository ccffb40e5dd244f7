import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { expect, onTestFinished, test } from "vitest";
import { apiServer, Refusal, type ApiServer } from "../../../injector/cluster/api-server.ts";

/** An API server that answers every request with one status, and the requests that it received. */
async function rig(
  status: number | "hang",
  { said = `said with ${status}`, warning = [] }: { said?: string; warning?: readonly string[] } = {},
): Promise<{ api: ApiServer; requests: unknown[] }> {
  const requests: unknown[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.once("end", () => {
      const { method, url, headers } = request;
      requests.push({ method, url, type: headers["content-type"], body });
      if (status === "hang") return;
      response.writeHead(
        status,
        warning.flatMap((text) => ["warning", text]),
      );
      response.end(JSON.stringify({ kind: "Status", message: said }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "test" },
  );
  const api = apiServer(config);
  onTestFinished(() => {
    api.close();
    server.closeAllConnections();
    server.close();
  });
  return { api, requests };
}

const forever = (): AbortSignal => new AbortController().signal;

test("an object is sent as JSON, and the call succeeds when the API server has created it", async () => {
  const { api, requests } = await rig(201);
  await api.post("/apis/a/b", { note: "ünï😀" }, 1000, forever());
  await api.post("/apis/a/b", { note: "second" }, 1000, forever());
  expect(requests).toEqual([
    { method: "POST", url: "/apis/a/b", type: "application/json", body: '{"note":"ünï😀"}' },
    { method: "POST", url: "/apis/a/b", type: "application/json", body: '{"note":"second"}' },
  ]);
});

test("a dry run stores nothing, and its answer is a refusal too, with the whole sentence and all warnings", async () => {
  const long = "no ".repeat(1000);
  const warning = ['299 - "a \\"quoted\\" word"', '299 - "another"'];
  const { api, requests } = await rig(403, { said: long, warning });
  const answer = await api.dryRun("/api/v1/pods", { kind: "Pod" }, 1000, forever());
  expect(answer).toEqual({ status: 403, said: long, warnings: ['a "quoted" word', "another"] });
  expect(requests).toMatchObject([
    { method: "POST", url: "/api/v1/pods?dryRun=All", body: '{"kind":"Pod"}' },
  ]);
});

test("an object is applied as podrole's, and an object of a certain version is removed", async () => {
  const { api, requests } = await rig(200);
  await api.apply("/apis/a/b/c", { kind: "C" }, 1000, forever());
  await api.remove("/apis/a/b/c", { uid: "u", resourceVersion: "7" }, 1000, forever());
  const preconditions = { uid: "u", resourceVersion: "7" };
  const options = { apiVersion: "v1", kind: "DeleteOptions", preconditions };
  expect(requests).toEqual([
    {
      method: "PATCH",
      url: "/apis/a/b/c?fieldManager=podrole",
      type: "application/apply-patch+yaml",
      body: '{"kind":"C"}',
    },
    { method: "DELETE", url: "/apis/a/b/c", type: "application/json", body: JSON.stringify(options) },
  ]);
  const created = await rig(201);
  await created.api.apply("/apis/a/b/c", {}, 1000, forever());
  await expect(created.api.remove("/c", preconditions, 1000, forever())).rejects.toBeInstanceOf(Refusal);
});

test("an object is removed with those that it owns, and it may wait for a finalizer", async () => {
  const { api, requests } = await rig(202);
  await api.remove("/apis/a/b/c", { propagationPolicy: "Background" }, 1000, forever());
  const options = {
    apiVersion: "v1",
    kind: "DeleteOptions",
    preconditions: {},
    propagationPolicy: "Background",
  };
  expect(requests).toMatchObject([{ method: "DELETE", url: "/apis/a/b/c", body: JSON.stringify(options) }]);
});

test.for([202, 302, 403, 409, 500])("an answer of HTTP %i is a refusal", async (status) => {
  const { api } = await rig(status);
  const refused = api.post("/apis/a/b", {}, 1000, forever());
  await expect(refused).rejects.toBeInstanceOf(Refusal);
  await expect(refused).rejects.toMatchObject({ status, said: `said with ${status}` });
});

test("no answer in time is an error", async () => {
  const { api } = await rig("hang");
  await expect(api.post("/apis/a/b", {}, 50, forever())).rejects.toThrow("no answer within 50 ms");
});

test("a request ends when its signal is aborted", async () => {
  const { api } = await rig("hang");
  const stopping = new AbortController();
  const sent = api.post("/apis/a/b", {}, 60_000, stopping.signal);
  setTimeout(() => stopping.abort(), 20);
  await expect(sent).rejects.toThrow("aborted");
});
