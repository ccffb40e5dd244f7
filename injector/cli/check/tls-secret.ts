import { dirname } from "node:path/posix";
import { fieldsIn, own, recordsIn, type Fields } from "../../model/read.ts";
import { withServing } from "../../tls/options.ts";
import type { Reading } from "./facts.ts";
import { INJECTOR, injectorIn, optionsIn } from "../live/deployment.ts";

const DEFAULT = `${INJECTOR}-tls`;

/**
 * The Secret of the injector's certificate: the one that it keeps itself (`--tls-secret`), or the one that its `--tls-cert`
 * is mounted from. The chart's own where the Deployment does not say, or cannot be read.
 */
export function tlsSecretIn(deployment: Reading): string {
  if (deployment.kind !== "found") return DEFAULT;
  const { value } = deployment;
  try {
    const { tlsCert, tlsSecret } = optionsIn(injectorIn(value).args, withServing);
    const secret = typeof tlsCert === "string" ? mountedAt(dirname(tlsCert), value) : tlsSecret;
    return typeof secret === "string" ? secret : DEFAULT;
  } catch {
    return DEFAULT;
  }
}

function mountedAt(path: string, deployment: Fields): unknown {
  const spec = fieldsIn(fieldsIn(fieldsIn(deployment, "spec"), "template"), "spec");
  const mount = recordsIn(spec, "containers")
    .flatMap((container) => recordsIn(container, "volumeMounts"))
    .find((one) => own(one, "mountPath") === path);
  const volume = recordsIn(spec, "volumes").find(
    (one) => mount !== undefined && own(one, "name") === own(mount, "name"),
  );
  return volume && own(fieldsIn(volume, "secret"), "secretName");
}
