import type { ProxyFailure } from "../kit/tunnel.ts";

/** Why a call to STS gave no session. Only `refused` has text from outside, which may quote a secret. */
export type CallFailure =
  | { readonly kind: "refused"; readonly status: number; readonly code: string; readonly text: string }
  /** Somebody answered, with what STS does not write. `status` is undefined if it was not even HTTP. */
  | { readonly kind: "not-sts"; readonly status: number | undefined }
  /** `at` says who did not answer in time: `proxy` until the proxy has connected to STS. */
  | { readonly kind: "late"; readonly afterMs: number; readonly at: "proxy" | "sts" }
  /** `why` is Node's code of the error. */
  | { readonly kind: "unreachable"; readonly why: string }
  | ProxyFailure;

/** Only between the files of this folder: {@link stsFailure} makes an error of it that can be shown. */
export class CallError extends Error {
  readonly failure: CallFailure;

  constructor(failure: CallFailure) {
    super(failure.kind);
    this.failure = failure;
  }
}
