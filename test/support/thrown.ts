import { CodedError } from "../../sidecar/kit/errors.ts";

/** The CodedError that a function throws or rejects with; anything else fails the test. */
export async function thrown(run: () => unknown): Promise<CodedError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
