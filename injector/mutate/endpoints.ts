import { APP_ENV, LOOPBACK, PATH } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Intent } from "../decide/intent.ts";
import { identityMount, TOKEN_FILE } from "../model/identity-volumes.ts";
import type { EnvVar, VolumeMount } from "../model/pod.ts";
import { inFile } from "../model/token-mode.ts";
import type { Tokens } from "./token.ts";

/** The address of a container's credentials, and the token to send there: in a file, in a variable, or in each. */
export interface Endpoint {
  readonly uri: string;
  /** The token of the variable. */
  readonly token: string | undefined;
  /** The mount with the token's file. */
  readonly mount: VolumeMount | undefined;
  readonly region: string | undefined;
  /** Whether the sidecar stands in for the metadata service, so that SDKs may ask that as well. */
  readonly emulated: boolean;
}

/** The endpoint of each container that gets credentials, by its name. A container is in one identity at most. */
export function endpointsByContainer(
  { sidecar, imds }: Intent,
  tokens: Tokens,
  { credentialsPort }: Pick<InjectorConfig, "credentialsPort">,
): ReadonlyMap<string, Endpoint> {
  if (sidecar === undefined) return new Map();
  const { identities, token, region } = sidecar;
  return new Map(
    identities.flatMap(({ name, containers }, index) => {
      const endpoint: Endpoint = {
        uri: `http://${LOOPBACK}:${credentialsPort}${PATH.credentials}`,
        token: tokens.get(name),
        mount: inFile(token) ? identityMount(index) : undefined,
        region,
        emulated: imds !== undefined,
      };
      return containers.map((container): [string, Endpoint] => [container, endpoint]);
    }),
  );
}

/** The variables that lead an SDK there. SDKs that know both ways to get a token differ in which they prefer; either works. */
export const endpointVariables = ({
  uri,
  mount,
  token,
}: Endpoint): readonly (EnvVar & { value: string })[] => [
  { name: APP_ENV.fullUri, value: uri },
  ...(mount === undefined ? [] : [{ name: APP_ENV.tokenFile, value: TOKEN_FILE }]),
  ...(token === undefined ? [] : [{ name: APP_ENV.token, value: token }]),
];
