import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { TOKEN_FILE } from "./identity-volumes.ts";
import { envVar, type Container } from "./pod.ts";

/**
 * The variables that lead an SDK to its credentials: the address, and the token to send there. They belong together: one from
 * the user and one from podrole would not work.
 */
export const ENDPOINT_VARIABLES: readonly string[] = [APP_ENV.fullUri, APP_ENV.tokenFile, APP_ENV.token];

/** Whether podrole gives the container its address and token: the user has set none of these variables. */
export const takesEndpoint = (container: Container): boolean =>
  ENDPOINT_VARIABLES.every((name) => envVar(container, name) === undefined);

/** Whether the container's SDK reads the token from podrole's file. */
export const readsTokenFile = (container: Container): boolean =>
  envVar(container, APP_ENV.tokenFile)?.value === TOKEN_FILE;
