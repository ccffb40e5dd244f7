import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Pod } from "../../injector/model/pod.ts";
import { isRecord, own, recordsIn, type Fields } from "../../injector/model/read.ts";
import { TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import { startedWith } from "../support/kubelet.ts";
import { projectedVolume, type ProjectedVolume } from "../support/projected-volume.ts";
import { unsignedJwt } from "./moto.ts";

/** A pod's projected tokens, in folders of this machine. */
export interface Volumes {
  /** A container's environment, with the paths of its mounts on this machine. */
  readonly envOf: (container: string) => Record<string, string>;
  /** Gives every identity a new token, in all mounts at one moment. */
  readonly rotate: () => void;
}

export function volumesOf(pod: Pod, home: string): Volumes {
  const volumes = new Map<string, ProjectedVolume>();
  for (const volume of recordsIn(pod.spec, "volumes")) {
    const projected = own(volume, "projected");
    const [source] = isRecord(projected) ? recordsIn(projected, "sources") : [];
    const asked = source && own(source, "serviceAccountToken");
    if (!isRecord(asked)) continue;
    const token = own(asked, "audience") === TOKEN_VOLUME.audience ? unsignedJwt() : randomToken();
    volumes.set(String(own(volume, "name")), projectedVolume(token, folderOf(home, volume)));
  }
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return {
    envOf: (name) => {
      const mounts = all.find((one) => one.name === name)?.volumeMounts ?? [];
      const here = (value: string): string =>
        mounts.reduce((text, mount) => text.replaceAll(mount.mountPath, join(home, mount.name)), value);
      const env = Object.entries(startedWith(pod, name));
      return Object.fromEntries(env.map(([variable, value]) => [variable, here(value)]));
    },
    rotate: () => {
      for (const [name, volume] of volumes) if (name !== TOKEN_VOLUME.name) volume.rotate(randomToken());
    },
  };
}

const folderOf = (home: string, volume: Fields): string => join(home, String(own(volume, "name")));

/** As long as a service account's token. */
const randomToken = (): string =>
  [48, 720, 256].map((size) => randomBytes(size).toString("base64url")).join(".");
