/**
 * `podrole-sidecar serve` under the uid that it has in a pod. The modules are loaded before, by whoever may read them.
 */
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { serveMain } from "../../sidecar/serve-main.ts";

process.setgroups?.([]);
process.setgid?.(SIDECAR_UID);
process.setuid?.(SIDECAR_UID);
await serveMain(process.env);
