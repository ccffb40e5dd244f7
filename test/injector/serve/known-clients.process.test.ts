import { once } from "node:events";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";
import { clientCertificate } from "../../support/client-certificate.ts";
import { ca, fresh, hungUp, listening, NAME, REVIEW, type Listening } from "./listener-rig.ts";

describe("with a client CA, the injector", () => {
  const clients: { ca?: KeyPair; known?: KeyPair; other?: KeyPair } = {};
  beforeAll(async () => {
    clients.ca = await certificateAuthority("clients", validFor(1, Date.now()));
    clients.known = await clientCertificate(clients.ca);
    clients.other = await clientCertificate(await certificateAuthority("others", validFor(1, Date.now())));
  });

  const server = async (): Promise<Listening> =>
    listening({}, { ...(await fresh()), clientCa: clients.ca?.cert ?? "" });

  async function connected(port: number, more: object): Promise<TLSSocket> {
    const socket = connectTls({ host: "127.0.0.1", port, ca: ca.cert, servername: NAME, ...more });
    onTestFinished(() => void socket.destroy());
    await once(socket, "secureConnect");
    return socket;
  }
  const ask = (socket: TLSSocket, line: string, body = ""): Promise<string> => {
    const said = hungUp(socket);
    socket.write(
      `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    return said;
  };

  test("answers a review of a client with a certificate by it", async () => {
    const { port } = await server();
    expect(await ask(await connected(port, clients.known ?? {}), "POST /mutate?timeout=5s", REVIEW)).toMatch(
      /^HTTP\/1.1 200 [^]*"allowed":true/,
    );
  });

  test.for([
    ["without a certificate, such as a pod", () => ({})],
    ["with a certificate by another CA", () => clients.other],
  ] as const)("refuses reviews of a client %s", async ([, given]) => {
    const { port } = await server();
    for (const path of ["/mutate", "/mutate?timeout=5s", "/%6dutate"]) {
      const said = await ask(await connected(port, given() ?? {}), `POST ${path}`, REVIEW);
      expect(said).toMatch(/^HTTP\/1.1 401 [^]*"code":"CLIENT_UNKNOWN"/);
    }
  });

  test("refuses a review on a session that is resumed, and that never had a certificate", async () => {
    const { port } = await server();
    const first = await connected(port, {});
    const session = once(first, "session");
    expect(await ask(first, "GET /livez")).toMatch(/^HTTP\/1.1 200 /);
    const [ticket] = (await session) as [Buffer];
    const second = await connected(port, { session: ticket });
    expect(second.isSessionReused()).toBe(true);
    expect(await ask(second, "POST /mutate", REVIEW)).toMatch(/^HTTP\/1.1 401 /);
  });

  test("answers probes and metrics without a certificate", async () => {
    const { port } = await server();
    for (const path of ["/livez", "/readyz"]) {
      expect(await ask(await connected(port, {}), `GET ${path}`)).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(await ask(await connected(port, {}), "GET /metrics")).toMatch(/^HTTP\/1.1 404 /);
  });

  test("still knows its clients, and only those, after it has changed its certificate or the CA", async () => {
    const one = await server();
    one.use({ ...(await fresh()), clientCa: clients.ca?.cert ?? "" });
    expect(await ask(await connected(one.port, clients.known ?? {}), "POST /mutate", REVIEW)).toMatch(
      / 200 /,
    );
    expect(await ask(await connected(one.port, {}), "POST /mutate", REVIEW)).toMatch(/ 401 /);
    const next = await certificateAuthority("next", validFor(1, Date.now()));
    one.use({ ...(await fresh()), clientCa: next.cert });
    expect(await ask(await connected(one.port, clients.known ?? {}), "POST /mutate", REVIEW)).toMatch(
      / 401 /,
    );
    const known = await clientCertificate(next);
    expect(await ask(await connected(one.port, known), "POST /mutate", REVIEW)).toMatch(/ 200 /);
  });
});
