/**
 * How a container gets the token that opens its session. `file`: in a file, so nothing in the pod's manifest is secret.
 * `env`: in a variable, for SDKs that do not know the file. `both`: in each; either opens the session.
 */
export const TOKEN_MODES = ["both", "file", "env"] as const;
export type TokenMode = (typeof TOKEN_MODES)[number];

export const inFile = (mode: TokenMode): boolean => mode !== "env";
export const inVariable = (mode: TokenMode): boolean => mode !== "file";
