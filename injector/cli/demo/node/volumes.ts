import { randomUUID } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serviceAccountOf, type Container, type Pod, type Volume } from "../../../model/pod.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import type { Mount } from "./script.ts";

export interface VolumeDeps {
  readonly folder: (name: string) => Promise<string>;
  /** The cluster's minting of service account tokens. */
  readonly mintToken: (subject: string, audience: string) => Promise<string>;
}

/** The projected volumes that a container mounts, made with their service account tokens in them. */
export async function mountsOf(container: Container, pod: Pod, deps: VolumeDeps): Promise<readonly Mount[]> {
  const mounts = (container.volumeMounts ?? []).map(
    async ({ name, mountPath }): Promise<readonly Mount[]> => {
      const volume = pod.spec.volumes?.find((one) => one.name === name);
      const tokens = volume === undefined ? [] : tokensIn(volume);
      if (tokens.length === 0) return [];
      const from = await deps.folder(`volumes/${container.name}/${name}`);
      const subject = `system:serviceaccount:${pod.metadata?.namespace ?? "default"}:${serviceAccountOf(pod)}`;
      for (const { path, audience } of tokens) {
        const file = join(from, path);
        await writeFile(file, await deps.mintToken(subject, audience));
        await chmod(file, 0o644);
      }
      return [{ from, to: mountPath }];
    },
  );
  return (await Promise.all(mounts)).flat();
}

function tokensIn(volume: Volume): readonly { readonly path: string; readonly audience: string }[] {
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

/** An unsigned service account token; the STS stand-in knows it by its text. */
export function unsignedToken(subject: string, audience: string, now: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const expiry = Math.floor(now / 1000) + 3600;
  const claims = {
    iss: "https://oidc.example",
    sub: subject,
    aud: [audience],
    exp: expiry,
    jti: randomUUID(),
  };
  return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.`;
}
