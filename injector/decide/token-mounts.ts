import { posix } from "node:path";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { IDENTITY_TOKEN } from "../../sidecar/contract/pod.ts";
import { readsTokenFile, takesEndpoint } from "../model/endpoint.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isIdentityVolume } from "../model/identity-volumes.ts";
import { named, type Container, type Pod, type Volume } from "../model/pod.ts";
import { own, recordsIn } from "../model/read.ts";

/** Kinds of volumes that containers cannot write to, whatever the mount says. */
const READ_ONLY_VOLUMES = ["configMap", "secret", "downwardAPI", "projected", "image"];

/**
 * Mounts of the user's in the way of the token file. At its folder, the API server would refuse the pod, or one mount would hide
 * the other. Below the folder, or above it and read-only, the runtime cannot make a mount point, so the container never starts.
 * @param containers those that get the file
 */
export function blockedTokenMounts(pod: Pod, containers: readonly Container[]): readonly Finding[] {
  const readOnly = new Set((pod.spec.volumes ?? []).filter(isReadOnly).map(({ name }) => name));
  return containers
    .filter((container) => takesEndpoint(container) || readsTokenFile(container))
    .flatMap((container) =>
      [...mountsInTheWay(container, readOnly), ...devicesInTheWay(container)].map((path) =>
        finding(
          "TOKEN_MOUNT_BLOCKED",
          `${named(container)} has a mount at ${JSON.stringify(path.slice(0, 120))}, in the way of its token at ${IDENTITY_TOKEN.mountPath}.`,
          `Mount it elsewhere, or set the annotation ${ANNOTATION.token} to env if the cluster allows it.`,
        ),
      ),
    );
}

const isReadOnly = (volume: Volume): boolean => READ_ONLY_VOLUMES.some((kind) => volume[kind] != null);

const mountsInTheWay = ({ volumeMounts }: Container, readOnly: ReadonlySet<string>): readonly string[] =>
  (volumeMounts ?? [])
    .filter((mount) => !isIdentityVolume(mount.name))
    .filter((mount) => {
      const path = canonical(mount.mountPath);
      if (isWithin(path, FOLDER)) return true;
      return isWithin(FOLDER, path) && (mount["readOnly"] === true || readOnly.has(mount.name));
    })
    .map(({ mountPath }) => mountPath);

const devicesInTheWay = (container: Container): readonly string[] =>
  recordsIn(container, "volumeDevices")
    .map((device) => own(device, "devicePath"))
    .filter((path) => typeof path === "string")
    .filter((path) => isWithin(canonical(path), FOLDER));

/** In most images /var/run is a link to /run, which the runtime follows. */
const canonical = (path: string): string => posix.resolve("/", path).replace(/^\/var\/run(?=\/|$)/, "/run");

const FOLDER = canonical(IDENTITY_TOKEN.mountPath);

const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
