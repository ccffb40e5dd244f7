import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { imdsEndpoint } from "../../../sidecar/imds/endpoint.ts";
import { plainRequest } from "../../../sidecar/kit/plain-request.ts";
import { listenImds } from "../../../sidecar/imds/server.ts";
import { tokensOf } from "../../../sidecar/imds/token.ts";
import { reach } from "../../../sidecar/kit/reach.ts";
import { credentials, ROLE } from "../../support/credentials.ts";
import { http } from "../../support/http.ts";

async function listening(onAnswer?: (status: number) => void): Promise<number> {
  const answer = imdsEndpoint({
    roleArn: ROLE,
    credentials: async () => credentials(),
    knownSince: 0,
    facts: {},
    nodeLeaves: new Map(),
    tokens: tokensOf(Buffer.alloc(32), () => Date.now()),
    v1: "denied",
  });
  const imds = await listenImds({ answer, ...(onAnswer === undefined ? {} : { onAnswer }) }, 0);
  onTestFinished(() => imds.close());
  return imds.port;
}

test("the metadata endpoint serves IMDSv2 on both loopback addresses", async () => {
  const statuses: number[] = [];
  const port = await listening((status) => statuses.push(status));
  for (const address of ["127.0.0.1", "::1"]) {
    const common = { address, port, timeoutMs: 5000 };
    const token = await plainRequest({
      ...common,
      method: "PUT",
      path: "/latest/api/token",
      headers: { "X-aws-ec2-metadata-token-ttl-seconds": "21600" },
    });
    const read = await plainRequest({
      ...common,
      path: "/latest/meta-data/iam/security-credentials/billing-reader",
      headers: { "X-aws-ec2-metadata-token": token.body },
    });
    expect(JSON.parse(read.body)).toMatchObject({ Code: "Success", AccessKeyId: "ASIAEXAMPLE" });
  }
  expect(statuses).toEqual([200, 200, 200, 200]);
});

test("the metadata endpoint is not reachable by another address of the machine", async () => {
  const port = await listening();
  expect(await reach("127.0.0.2", port, 1000)).toMatchObject({ kind: "refused" });
});

test("the metadata endpoint takes a PUT with an empty body, as some clients send it", async () => {
  const port = await listening();
  const headers = {
    "X-aws-ec2-metadata-token-ttl-seconds": "60",
    "Content-Length": "0",
    Host: "169.254.169.254",
  };
  expect(await http(port, "/latest/api/token", headers, "PUT")).toMatchObject({ status: 200 });
});

test("the metadata endpoint answers 431 to huge headers, and survives bytes that are no HTTP", async () => {
  const port = await listening();
  const long = await http(port, "/", { host: "169.254.169.254", x: "x".repeat(9000) });
  expect(long.status).toBe(431);
  const socket = connect({ host: "127.0.0.1", port });
  await new Promise((resolve) => socket.once("close", resolve).resume().write("\u0016\u0003\u0001\r\n\r\n"));
  expect(await http(port, "/")).toMatchObject({ status: 401 });
});

test("the metadata endpoint names the port that is taken", async () => {
  const port = await listening();
  await expect(
    listenImds({ answer: async () => ({ status: 200, headers: {}, body: "" }) }, port),
  ).rejects.toMatchObject({
    code: "PORT_IN_USE",
  });
});
