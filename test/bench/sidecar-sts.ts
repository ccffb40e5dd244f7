/**
 * The STS stand-in as a separate process: over TLS, as STS is, with a certificate by a CA of the benchmark's own. It sends
 * its address and the CA. Each message sets how long the sessions are that it grants from then on.
 */
import { connect } from "node:net";
import { createServer } from "node:tls";
import { stsStandIn } from "../../injector/cli/demo/aws/sts.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";

/** The subject of the only known web identity token, `process.argv[2]`. */
const SUBJECT = "system:serviceaccount:billing:reader";
const HOST = "localhost";

const [, , token = ""] = process.argv;
let lifetimeSeconds = 3600;
const sts = await stsStandIn({
  tokens: { [token]: { subject: SUBJECT, audience: "sts.amazonaws.com" } },
  get lifetimeSeconds() {
    return lifetimeSeconds;
  },
});
const validity = validFor(1, Date.now());
const authority = await certificateAuthority("podrole's benchmark", validity);
const port = Number(new URL(sts.url).port);
const server = createServer(await servingCertificate(authority, [HOST], validity), (socket) => {
  const inner = connect(port, "127.0.0.1");
  socket.pipe(inner).pipe(socket);
  socket.on("error", () => inner.destroy());
  inner.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const own = typeof address === "object" && address !== null ? address.port : 0;
  process.send?.({ url: `https://${HOST}:${own}`, ca: authority.cert });
});
process.on("message", (message: { readonly lifetimeSeconds: number }) => {
  ({ lifetimeSeconds } = message);
  process.send?.({ calls: sts.calls.length });
});
process.once("disconnect", () => process.exit(0));
