/** Why a server is not ready: a stable code and a sentence. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
}
