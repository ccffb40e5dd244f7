import { PostError, type PostFailure } from "../kit/post-error.ts";

/** Why a call to STS gave no session. Only `refused` has text from outside, which may quote a secret. */
export type CallFailure =
  | { readonly kind: "refused"; readonly status: number; readonly code: string; readonly text: string }
  | PostFailure;

/** Only between the files of this folder: {@link stsFailure} makes an error of it that can be shown. */
export class CallError extends PostError<CallFailure> {}
