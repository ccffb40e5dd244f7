import { request } from "node:http";
import type { KeyPair } from "../../injector/tls/certificates.ts";
import { httpsServer } from "./https-server.ts";

/**
 * TLS in front of an HTTP server, until the test ends.
 * @param names whom the certificate is for
 */
export async function tlsFront(
  behind: string,
  authority: KeyPair,
  names: readonly string[] = ["127.0.0.1"],
): Promise<string> {
  const { url: front } = await httpsServer(
    (from, to) => {
      const { method = "", url = "", headers } = from;
      const onward = request(new URL(url, behind), { method, headers }, (answer) => {
        to.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(to);
      });
      from.pipe(onward);
    },
    { authority, names },
  );
  return front;
}
