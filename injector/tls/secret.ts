import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { isRecord, type Fields } from "../model/read.ts";
import { storedIn, type Stored } from "./stored.ts";
import { secretTrouble, type Rights } from "./trouble.ts";

/** The Secret that holds CA and serving certificate. */
export interface SecretPlace {
  readonly secret: string;
  readonly namespace: string;
}

export interface ReadSecret {
  readonly stored: Stored;
  /** As it was read; undefined where there is none. */
  readonly object: Fields | undefined;
}

export const SECRET_REQUEST_MS = 10_000;

export const secretsPath = ({ namespace }: SecretPlace): string => `/api/v1/namespaces/${namespace}/secrets`;

/**
 * @param rights what the reader needs in all, for the message where it may not read
 * @throws CodedError of trouble.ts
 */
export async function readSecret(
  api: Pick<ApiServer, "get">,
  place: SecretPlace,
  rights: Rights,
  signal: AbortSignal,
): Promise<ReadSecret> {
  try {
    const object = await api.get(`${secretsPath(place)}/${place.secret}`, SECRET_REQUEST_MS, signal);
    if (!isRecord(object)) throw new Error("the answer is no object");
    return { stored: storedIn(object), object };
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return { stored: {}, object: undefined };
    throw secretTrouble(error, place, rights);
  }
}
