/** The STS stand-in as a separate process. Its only message is its address. */
import { stsStandIn } from "../../injector/cli/demo/aws/sts.ts";

/** The subject of the only known web identity token, `process.argv[2]`. */
const SUBJECT = "system:serviceaccount:billing:reader";

const [, , token = ""] = process.argv;
const sts = await stsStandIn({ tokens: { [token]: { subject: SUBJECT, audience: "sts.amazonaws.com" } } });
process.once("disconnect", () => process.exit(0));
process.send?.(sts.url);
