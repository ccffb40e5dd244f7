import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:https";
import { type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { LIMITS, serveCertificate, type Limits, type ListenerTls } from "../../../injector/http/listener.ts";
import { buildServer } from "../../../injector/serve/server.ts";
import type { Cluster } from "../../../injector/model/facts.ts";
import { config } from "../../support/config.ts";
import { clusterOf, facts } from "../../support/facts.ts";
import { silent } from "../../support/log-lines.ts";
import { pod, FRESH } from "../../support/pods.ts";
import { reviewText } from "../../support/webhook.ts";

export const NAME = "podrole-injector.podrole-system.svc";
export const REVIEW = reviewText(JSON.stringify(pod()));

export const ca = await certificateAuthority("test", validFor(1, Date.now()));
export const fresh = (by = ca): Promise<KeyPair> =>
  servingCertificate(by, [NAME, "127.0.0.1"], validFor(1, Date.now()));

export interface Listening {
  readonly port: number;
  readonly use: (tls: ListenerTls) => void;
  readonly refused: () => number;
}

export async function listening(
  limits: Partial<Limits> = {},
  tls?: ListenerTls,
  cluster: Cluster = clusterOf(facts()),
): Promise<Listening> {
  let refused = 0;
  const app = buildServer({
    config: () => config(),
    cluster,
    fresh: FRESH,
    log: silent,
    tls: tls ?? (await fresh()),
    limits: { ...LIMITS, checkMs: 20, ...limits },
    refused: () => void (refused += 1),
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return {
    port: (app.server.address() as AddressInfo).port,
    use: (pair) => serveCertificate(app.server, pair),
    refused: () => refused,
  };
}

/** Sends one review. Resolves to the certificate of its connection. */
export async function review(
  port: number,
  agent: Agent,
  body = REVIEW,
): Promise<{ status: number; serial: string }> {
  const sent = request({
    host: "127.0.0.1",
    port,
    agent,
    path: "/mutate?timeout=5s",
    method: "POST",
    servername: NAME,
    headers: {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    },
  });
  sent.end(body);
  const [response] = await once(sent, "response");
  const { serialNumber } = (sent.socket as TLSSocket).getPeerCertificate();
  await text(response);
  return { status: response.statusCode, serial: serialNumber };
}

export const agentFor = (authorities: readonly KeyPair[], maxSockets = 1): Agent => {
  const agent = new Agent({ keepAlive: true, maxSockets, ca: authorities.map(({ cert }) => cert) });
  onTestFinished(() => agent.destroy());
  return agent;
};
export const serialOf = ({ cert }: KeyPair): string => new X509Certificate(cert).serialNumber;

/** A TLS connection to which a test writes raw bytes. */
export async function raw(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port, ca: ca.cert, servername: NAME, ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket.on("error", () => {});
}

/** The server's output until it closes the connection. Without short limits that takes minutes. */
export async function hungUp(socket: Socket): Promise<string> {
  let said = "";
  socket.on("data", (chunk) => (said += String(chunk)));
  // A reset also ends the connection.
  socket.on("error", () => {});
  await new Promise<void>((resolve) =>
    socket.closed ? resolve() : void socket.once("close", () => resolve()),
  );
  return said;
}
