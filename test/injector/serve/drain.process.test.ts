import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { fakeApiServer, type FakeApiServer } from "../../support/fake-api-server.ts";
import { injectorProcess, SERVICE_NAME, type InjectorProcess } from "../../support/injector-process.ts";
import { pod } from "../../support/pods.ts";
import { until } from "../../support/until.ts";
import { reviewText } from "../../support/webhook.ts";

const REVIEW = reviewText(JSON.stringify(pod()));
let ca: KeyPair;
beforeAll(async () => {
  ca = await certificateAuthority("test", validFor(1, Date.now()));
});

interface Answer {
  readonly status: number;
  readonly connection: string | undefined;
  readonly body: string;
}

async function call(port: number, agent: Agent | false, path = "/mutate?timeout=5s"): Promise<Answer> {
  const post = path.startsWith("/mutate");
  const sent = request({
    host: "127.0.0.1",
    port,
    agent,
    path,
    ca: ca.cert,
    servername: SERVICE_NAME,
    method: post ? "POST" : "GET",
    ...(post
      ? {
          headers: {
            "content-type": "application/json",
            "content-length": REVIEW.length,
          },
        }
      : {}),
  });
  sent.end(post ? REVIEW : undefined);
  const [response] = await once(sent, "response");
  return {
    status: response.statusCode,
    connection: response.headers.connection,
    body: await text(response),
  };
}

/** Like an API server's transport: one kept connection for each concurrent request. */
const pool = (): Agent => {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 25, ca: ca.cert });
  onTestFinished(() => agent.destroy());
  return agent;
};

async function cluster(): Promise<FakeApiServer> {
  const api = await fakeApiServer();
  api.put("/api/v1/namespaces", {
    metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } },
  });
  api.put("/api/v1/serviceaccounts", { metadata: { name: "default", namespace: "shop" } });
  return api;
}

const allowed = ({ status, body }: Answer): boolean => status === 200 && body.includes('"allowed":true');

describe("on SIGTERM", () => {
  test("the injector stops being ready, answers everything with Connection: close, then exits with 0", async () => {
    const api = await cluster();
    const injector = await injectorProcess(api, ca, ["--drain-seconds=8"]);
    const agent = pool();
    const before = await call(injector.port, agent);
    expect([allowed(before), before.connection]).toEqual([true, "keep-alive"]);
    expect((await call(injector.port, false, "/readyz")).status).toBe(200);
    injector.kill("SIGTERM");
    await until("the drain", () => injector.lines().find(({ msg }) => msg === "draining"));
    const probe = await call(injector.port, false, "/readyz");
    expect([probe.status, JSON.parse(probe.body)]).toEqual([
      503,
      { code: "DRAINING", message: "The server is shutting down." },
    ]);
    expect((await call(injector.port, false, "/livez")).status).toBe(200);
    const metrics = (await call(injector.port, false, "/metrics")).body;
    expect(metrics).toContain("podrole_draining 1");
    expect(metrics).toContain('podrole_unready{code="DRAINING"} 1');
    for (const answer of [await call(injector.port, agent), await call(injector.port, false)]) {
      expect([allowed(answer), answer.connection]).toEqual([true, "close"]);
    }
    expect(await injector.exited).toBe(0);
  });

  test("the injector closes idle connections, and goes on answering new ones", async () => {
    const api = await cluster();
    const injector = await injectorProcess(api, ca, ["--drain-seconds=600"]);
    const agents = Array.from({ length: 20 }, pool);
    await Promise.all(agents.map((agent) => call(injector.port, agent)));
    const open = agents.flatMap(({ freeSockets }) => Object.values(freeSockets).flatMap((all) => all ?? []));
    expect(open).toHaveLength(20);
    const closed = Promise.all(open.map((socket) => once(socket, "close")));
    injector.kill("SIGTERM");
    await closed;
    const answer = await call(injector.port, false);
    expect([allowed(answer), answer.connection]).toEqual([true, "close"]);
    // A client that has connected and sends nothing is not kept either.
    const silent = connect({ host: "127.0.0.1", port: injector.port }).resume();
    await once(silent, "close");
  });

  test("the injector finishes accepted requests, also those that wait for the API server", async () => {
    const api = await cluster();
    const injector = await injectorProcess(api, ca, ["--drain-seconds=0"]);
    api.remove("/api/v1/serviceaccounts", "shop/default");
    // The request for the account hangs until its limit of 2 s. Then the pod is denied.
    api.answer("GET /api/v1/namespaces/shop/serviceaccounts/default", "hang");
    const agent = pool();
    await until("the account's end", () => (api.watches("/api/v1/serviceaccounts") > 0 ? true : undefined));
    await delay(200);
    const pending = call(injector.port, agent);
    await until("the look-up", () => api.requests.find((one) => one.endsWith("serviceaccounts/default")));
    injector.kill("SIGTERM");
    const answer = await pending;
    expect(answer.status).toBe(200);
    expect(answer.body).toContain("FACTS_UNAVAILABLE");
    expect(await injector.exited).toBe(0);
  });

  test("the injector exits although connections are idle or were busy at first", async () => {
    const api = await cluster();
    const injector = await injectorProcess(api, ca, ["--drain-seconds=0"]);
    const agents = Array.from({ length: 5 }, pool);
    await Promise.all(agents.map((agent) => call(injector.port, agent)));
    injector.kill("SIGTERM");
    expect(await injector.exited).toBe(0);
    // It waited neither for the keep-alive of 150 s nor for the deadline of the last requests.
    expect(injector.lines().map(({ msg }) => msg)).not.toContain(
      "connections closed with unfinished requests",
    );
  });

  test.for(["SIGTERM", "SIGINT"] as const)(
    "a second signal, %s, ends the injector at once",
    async (signal) => {
      const injector = await injectorProcess(await cluster(), ca, ["--drain-seconds=600"]);
      injector.kill("SIGTERM");
      await until("the drain", () => injector.lines().find(({ msg }) => msg === "draining"));
      injector.kill(signal);
      expect(await injector.exited).toBe(signal === "SIGTERM" ? 143 : 130);
    },
  );
});

test("a changed certificate file is served without a restart", async () => {
  const injector = await injectorProcess(await cluster(), ca);
  const served = async (): Promise<string> => {
    const sent = request({
      host: "127.0.0.1",
      port: injector.port,
      path: "/livez",
      agent: false,
      ca: ca.cert,
      servername: SERVICE_NAME,
    });
    sent.end();
    const [response] = await once(sent, "response");
    const { serialNumber } = response.socket.getPeerCertificate();
    response.resume();
    return serialNumber;
  };
  const before = await served();
  const next = await servingCertificate(ca, [SERVICE_NAME], validFor(1, Date.now()));
  // One file first: a reader may find the files in this state.
  await writeFile(injector.files.cert, next.cert);
  await delay(200);
  await writeFile(injector.files.key, next.key);
  await until("the other certificate", async () => (await served()) !== before || undefined, 60_000);
  expect(injector.output()).not.toContain("PRIVATE");
});

test("a rolling restart at 50 requests a second loses no request", async () => {
  const api = await cluster();
  const agents = new Map<number, Agent>();
  const started: InjectorProcess[] = [];
  /** Ports that the API server knows. An ending replica is removed a second late, as from an EndpointSlice. */
  let endpoints: readonly number[] = [];
  const start = async (): Promise<InjectorProcess> => {
    const one = await injectorProcess(api, ca, ["--drain-seconds=3"]);
    started.push(one);
    agents.set(one.port, pool());
    endpoints = [...endpoints, one.port];
    return one;
  };
  const end = async (one: InjectorProcess): Promise<void> => {
    one.kill("SIGTERM");
    await delay(1000);
    endpoints = endpoints.filter((port) => port !== one.port);
    expect(await one.exited).toBe(0);
  };
  let [first, second] = [await start(), await start()];
  const failures: string[] = [];
  let sent = 0;
  const pending = new Set<Promise<void>>();
  const load = setInterval(() => {
    const port = endpoints[(sent += 1) % endpoints.length] ?? 0;
    // No retry: an API server refuses the pod after a connection error of the webhook.
    const one = call(port, agents.get(port) ?? false)
      .then(
        (answer) => void (allowed(answer) || failures.push(answer.body)),
        (error: Error) => void failures.push(error.message),
      )
      .finally(() => pending.delete(one));
    pending.add(one);
  }, 20);
  onTestFinished(() => clearInterval(load));
  for (let turn = 0; turn < 2; turn += 1) {
    const fresh = await start();
    await end(first);
    [first, second] = [second, fresh];
  }
  await delay(500);
  clearInterval(load);
  await Promise.all(pending);
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(200);
}, 180_000);
