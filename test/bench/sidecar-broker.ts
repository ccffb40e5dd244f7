/**
 * The stand-in for the broker as a separate process: over TLS, with a certificate by a CA of the benchmark's own. It gives whoever
 * asks the session of the role that is asked for, and sends its address and the CA.
 */
import { createServer } from "node:https";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import type { SessionAsked } from "../../sidecar/contract/broker.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { toWire } from "../../sidecar/sts/credentials.ts";

const HOST = "localhost";
const HOUR_MS = 3_600_000;

const validity = validFor(1, Date.now());
const authority = await certificateAuthority("podrole's benchmark", validity);
const certificate = await servingCertificate(authority, [HOST], validity);
const server = createServer(certificate, (request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
  request.once("end", () => {
    const { roleArn } = JSON.parse(body) as SessionAsked;
    const session = {
      accessKeyId: "ASIAABCDEFGHIJKLMNOP",
      secretAccessKey: new Secret("s".repeat(40)),
      sessionToken: new Secret("t".repeat(800)),
      issuedAt: Date.now(),
      expiresAt: Date.now() + HOUR_MS,
      roleArn,
      accountId: roleArn.split(":")[4] ?? "",
    };
    response.setHeader("Content-Type", "application/json").end(JSON.stringify(toWire(session)));
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.send?.({ url: `https://${HOST}:${port}`, ca: authority.cert });
});
process.once("disconnect", () => process.exit(0));
