/**
 * An STS that knows one token, on every address of its network namespace.
 * `node sts.ts <port> <token>`; prints `ready` once it listens.
 */
import { stsStandIn } from "../../injector/cli/demo/aws/sts.ts";

const [port = "", token = ""] = process.argv.slice(2);
const identity = { subject: "system:serviceaccount:shop:default", audience: "sts.amazonaws.com" };
await stsStandIn({ host: "::", port: Number(port), tokens: { [token]: identity } });
process.stdout.write("ready\n");
