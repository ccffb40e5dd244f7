import type { ProxyFailure } from "./tunnel.ts";

/** Why a POST brought no answer that could be read. Nothing of what somebody wrote is in it. */
export type PostFailure =
  /** Somebody answered, but not as it has to be. `status` is undefined if it was not even HTTP. */
  | { readonly kind: "invalid-answer"; readonly status: number | undefined }
  /** `at` says who did not answer in time: `proxy` until the proxy has connected to the origin. */
  | { readonly kind: "late"; readonly afterMs: number; readonly at: "proxy" | "origin" }
  /** `why` is Node's code of the error. */
  | { readonly kind: "unreachable"; readonly why: string }
  | ProxyFailure;

/** Not to be shown: whoever calls makes an error of it that says what was asked, and what to do. */
export class PostError<Failure extends { readonly kind: string } = PostFailure> extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.kind);
    this.failure = failure;
  }
}
