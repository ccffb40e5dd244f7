import { ENV } from "../contract/env.ts";
import { becomeUser } from "../kit/become-user.ts";
import { CodedError } from "../kit/errors.ts";
import { guard, type Guarded, type GuardDeps } from "./guard.ts";

/**
 * The guard in the sidecar's own container, before the sidecar serves. It sets and proves the rules as root, becomes the sidecar's
 * uid for good, and proves that it can no longer reach the rules. After a restart the app may be running meanwhile, so the rules
 * are replaced in one transaction.
 * @throws CodedError as {@link guard} and {@link becomeUser}
 */
export async function guardThenDrop(deps: GuardDeps, become = becomeUser): Promise<Guarded> {
  const { sidecar, sidecarGid } = deps.config;
  if (sidecar === undefined) {
    throw new CodedError("CONFIG_INVALID", `${ENV.sidecarUid} is not set.`);
  }
  const guarded = await guard({ ...deps, besideOthers: true });
  become(sidecar.uid, sidecarGid);
  await refused(guarded);
  await guarded.tryRedirect();
  return guarded;
}

/** Reading the rules takes the same capability as changing them, and is safe to try. */
async function refused({ readAgain }: Guarded): Promise<void> {
  const isRefused = await readAgain().then(
    () => false,
    () => true,
  );
  if (isRefused) return;
  throw new CodedError("PRIVILEGES_KEPT", "The process can still reach the pod's packet filter.", {
    remedy: "Set guardContainer to init, and report this line with the node's kernel version.",
  });
}
