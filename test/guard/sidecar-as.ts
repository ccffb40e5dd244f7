/**
 * `podrole-sidecar serve` as the uid and gid that it has in a pod: `node sidecar-as.ts <uid> <gid>`. The modules are loaded before,
 * by whoever may read them.
 */
import { serveMain } from "../../sidecar/serve-main.ts";

const [uid, gid] = process.argv.slice(2).map(Number) as [number, number];
process.setgroups?.([]);
process.setgid?.(gid);
process.setuid?.(uid);
process.exit(await serveMain(process.env));
