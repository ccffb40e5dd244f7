/** The uid of the sidecar in tests: one of `SIDECAR_UIDS`. */
export const SIDECAR_UID = 64_169;
