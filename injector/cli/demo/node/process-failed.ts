import { CodedError } from "../../../../sidecar/kit/errors.ts";

/** A process that ended as it should not have. */
export class ProcessFailed extends CodedError<"DEMO_CONTAINER_FAILED" | "DEMO_PROCESS_FAILED"> {
  /** Standard output, then standard error. */
  readonly output: string;

  constructor(code: ProcessFailed["code"], message: string, outputs: readonly string[]) {
    super(code, message);
    this.output = outputs
      .map((one) => one.trim())
      .filter(Boolean)
      .join("\n");
  }
}
