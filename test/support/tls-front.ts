import { request } from "node:http";
import { createServer } from "node:https";
import { onTestFinished } from "vitest";
import { servingCertificate, validFor, type KeyPair } from "../../injector/tls/certificates.ts";
import { listening } from "./listening.ts";

/**
 * TLS in front of an HTTP server, until the test ends.
 * @param names whom the certificate is for
 */
export async function tlsFront(
  behind: string,
  authority: KeyPair,
  names: readonly string[] = ["127.0.0.1"],
): Promise<string> {
  const certificate = await servingCertificate(authority, names, validFor(1, Date.now()));
  const server = createServer(certificate, (from, to) => {
    const { method = "", url = "", headers } = from;
    const onward = request(new URL(url, behind), { method, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(to);
    });
    from.pipe(onward);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${await listening(server)}`;
}
