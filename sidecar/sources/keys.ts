import { Secret } from "../kit/secret.ts";
import type { Keys } from "../sts/client.ts";

/** What the SDK's credential providers give. */
interface SdkKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export const keysOf = ({ accessKeyId, secretAccessKey, sessionToken }: SdkKeys): Keys => ({
  accessKeyId,
  secretAccessKey: new Secret(secretAccessKey),
  ...(sessionToken === undefined ? {} : { sessionToken: new Secret(sessionToken) }),
});
