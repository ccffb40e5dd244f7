import { randomUUID } from "node:crypto";
import { chmod, mkdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Container, Pod, Volume } from "../../../model/pod.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import type { Mount } from "./script.ts";

export interface VolumeDeps {
  readonly folder: (name: string) => Promise<string>;
  /** The cluster's minting of service account tokens. */
  readonly mintToken: (audience: string) => Promise<string>;
}

/** The projected volumes of one pod, each made once, when the first container mounts it. */
export interface Volumes {
  readonly mountsOf: (container: Container) => Promise<readonly Mount[]>;
  /** Replaces every token, as the kubelet does before it expires. */
  readonly renew: () => Promise<void>;
}

export function createVolumes(pod: Pod, deps: VolumeDeps): Volumes {
  const volumes = new Map(
    (pod.spec.volumes ?? [])
      .filter(({ projected }) => isRecord(projected))
      .map((volume) => [volume.name, tokensIn(volume)]),
  );
  const folders = new Map<string, Promise<string>>();

  const write = async (folder: string, tokens: readonly ProjectedToken[]): Promise<void> => {
    const files = tokens.map(async ({ path, audience }) => [path, await deps.mintToken(audience)] as const);
    await writeAtomically(folder, new Map(await Promise.all(files)));
  };
  const make = async (name: string, tokens: readonly ProjectedToken[]): Promise<string> => {
    // Not by the name alone: another pod may have a volume of the same name.
    const folder = await deps.folder(`volumes/${name}-${randomUUID()}`);
    await write(folder, tokens);
    return folder;
  };
  return {
    mountsOf: async ({ volumeMounts = [] }) => {
      const mounts = volumeMounts.map(async ({ name, mountPath }): Promise<readonly Mount[]> => {
        const tokens = volumes.get(name);
        if (tokens === undefined) return [];
        const made = folders.get(name) ?? make(name, tokens);
        folders.set(name, made);
        return [{ from: await made, to: mountPath }];
      });
      return (await Promise.all(mounts)).flat();
    },
    renew: async () => {
      await Promise.all(
        [...folders].map(async ([name, folder]) => write(await folder, volumes.get(name) ?? [])),
      );
    },
  };
}

/**
 * As the kubelet writes: the files are in a new folder, which `..data` then points to by one rename. A reader sees all the old
 * files or all the new ones.
 */
export async function writeAtomically(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  const data = join(folder, "..data");
  const before = await readlink(data).catch(() => undefined);
  const name = `..${randomUUID()}`;
  await mkdir(join(folder, name));
  await chmod(join(folder, name), 0o755);
  for (const [path, content] of files) {
    const file = join(folder, name, path);
    await writeFile(file, content);
    await chmod(file, 0o644);
  }
  await symlink(name, `${data}_tmp`);
  await rename(`${data}_tmp`, data);
  if (before !== undefined) await rm(join(folder, before), { recursive: true });
  else for (const path of files.keys()) await symlink(join("..data", path), join(folder, path));
}

interface ProjectedToken {
  readonly path: string;
  readonly audience: string;
}

function tokensIn(volume: Volume): readonly ProjectedToken[] {
  const projected = volume["projected"];
  const sources = isRecord(projected) ? own(projected, "sources") : undefined;
  const records: readonly Fields[] = Array.isArray(sources) ? sources.filter(isRecord) : [];
  return records
    .map((source) => own(source, "serviceAccountToken"))
    .filter(isRecord)
    .map((token) => {
      const audience = own(token, "audience");
      return {
        path: String(own(token, "path")),
        audience: typeof audience === "string" ? audience : "https://kubernetes.default.svc",
      };
    });
}
