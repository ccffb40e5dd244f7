import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { BILLING } from "../../support/facts.ts";
import {
  BROKER_ARN,
  brokerProcess,
  TOKEN_REVIEWS,
  withdrawGrant,
  type BrokerProcess,
} from "../../support/broker-process.ts";
import { podToken } from "../../support/pod-token.ts";
import { until } from "../../support/until.ts";

test("the built broker gives a pod its session, says who it is, and prints no secret", async () => {
  const broker = await brokerProcess();
  const token = broker.pod("web-0");
  const { status, body } = await broker.ask(token);
  const [granted] = broker.sts.issued;
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { Code: "Success", RoleArn: BILLING, AccountId: "111122223333", AccessKeyId: granted?.accessKeyId },
  });
  const call = broker.sts.calls.find(({ action }) => action === "AssumeRole");
  expect(call).toMatchObject({ caller: BROKER_ARN, roleArn: BILLING, sessionName: "shop.web-0" });
  const of = {
    namespace: "shop",
    pod: "web-0",
    podUid: "uid-of-web-0",
    role: BILLING,
    rule: "RoleGrant shop",
  };
  expect(broker.lines().filter(({ msg }) => /^session (?:made|given)$/.test(String(msg)))).toMatchObject([
    { ...of, msg: "session made" },
    { ...of, msg: "session given" },
  ]);

  await until(
    "who it is",
    async () => (await broker.health("/readyz")).text.includes("identity") || undefined,
  );
  expect(JSON.parse((await broker.health("/readyz")).text)).toEqual({ status: "ok", identity: BROKER_ARN });
  const metrics = await broker.health("/metrics");
  expect(metrics.text).toContain('podrole_broker_sessions_total{outcome="made"} 1');
  expect(metrics.text).toContain(`podrole_broker_identity_info{arn="${BROKER_ARN}"} 1`);
  expect(metrics.text).not.toContain("web-0");

  expect(await broker.ask(podToken({ pod: { name: "web-0", uid: "forged" } }))).toMatchObject({
    status: 401,
    body: { code: "TOKEN_NOT_ACCEPTED" },
  });
  withdrawGrant(broker);
  const refused = await until("the refusal", async () => {
    const answer = await broker.ask(token);
    return answer.status === 403 ? answer : undefined;
  });
  expect(refused.body).toMatchObject({ code: "ROLE_NOT_ALLOWED", kind: "definite" });

  const secrets = [token, token.split(".")[1], String(body["SecretAccessKey"]), String(body["Token"])];
  for (const secret of secrets) expect(broker.output() + metrics.text).not.toContain(secret);
});

test("SIGTERM makes it unready at once, and it ends when it has answered", async () => {
  const broker = await brokerProcess(["--drain-seconds=2"]);
  const token = broker.pod("web-0");
  broker.kill("SIGTERM");
  await until("the drain", () => broker.output().includes("draining") || undefined);
  expect(await broker.health("/readyz")).toEqual({
    status: 503,
    text: '{"code":"DRAINING","message":"The server is shutting down."}',
  });
  const { status, headers } = await broker.ask(token);
  expect({ status, connection: headers["connection"] }).toEqual({ status: 200, connection: "close" });
  expect(await broker.exited).toBe(0);
});

test("a new certificate is served to new connections, and open ones go on", async () => {
  const broker = await brokerProcess();
  const kept = await connected(broker);
  const { serialNumber: former } = kept.getPeerCertificate();
  await broker.renew();
  await until("the new certificate", async () => {
    // Otherwise the server closes it, as it does every connection that is idle for ten seconds.
    await answered(kept);
    const another = await connected(broker);
    const { serialNumber } = another.getPeerCertificate();
    another.destroy();
    return serialNumber !== former || undefined;
  });
  expect(await answered(kept)).toMatch(/^HTTP\/1.1 401 /);
});

test("it decides nothing while the API server reviews no token, and lives on", async () => {
  const broker = await brokerProcess();
  broker.api.answer(`POST ${TOKEN_REVIEWS}`, 403);
  expect(await broker.ask(broker.pod("web-1"))).toMatchObject({
    status: 503,
    body: { code: "FACTS_UNAVAILABLE", kind: "passing" },
  });
  expect((await broker.health("/livez")).status).toBe(200);
});

async function connected({ port, ca }: BrokerProcess): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, ca: ca.cert }).setEncoding("latin1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket.on("error", () => undefined);
}

async function answered(socket: TLSSocket): Promise<string> {
  socket.write("POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
  const [said] = (await once(socket, "data")) as [string];
  return said;
}
