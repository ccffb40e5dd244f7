/** The STS stand-in as a process of its own. It says where it is in its one message. */
import { stsStandIn } from "../../injector/cli/demo/aws/sts.ts";

/** The subject of the one web identity token that is known, which is `process.argv[2]`. */
const SUBJECT = "system:serviceaccount:billing:reader";

const [, , token = ""] = process.argv;
const sts = await stsStandIn({ tokens: { [token]: { subject: SUBJECT, audience: "sts.amazonaws.com" } } });
process.once("disconnect", () => process.exit(0));
process.send?.(sts.url);
