import type { StsCall } from "./sts-call.ts";

/** One of STS's error answers. */
export interface StsRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export const refusal = (status: number, code: string, message: string): StsRefusal => ({
  status,
  code,
  message,
});

/** A refusal as `refuse` would return it. */
export const accessDenied = (call: StsCall): StsRefusal => ({
  status: 403,
  code: "AccessDenied",
  message: `User: ${call.caller ?? "anonymous"} is not authorized to perform: sts:${call.action} on resource: ${call.roleArn ?? "*"}`,
});
