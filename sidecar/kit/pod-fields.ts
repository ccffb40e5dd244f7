import { ENV } from "../contract/env.ts";

/** The fields of the pod that placeholders stand for: the downward API's path, and the variable that has its value. */
const POD_FIELDS = [
  { placeholder: "{namespace}", variable: ENV.namespace, path: "metadata.namespace" },
  { placeholder: "{serviceAccount}", variable: ENV.serviceAccount, path: "spec.serviceAccountName" },
  { placeholder: "{pod}", variable: ENV.podName, path: "metadata.name" },
] as const;

/**
 * The fields that the template of session names, or the text of ENV.identities, refers to. The sidecar needs these, and the
 * pod's uid in any case.
 */
export const podFieldsIn = (...texts: readonly string[]) =>
  POD_FIELDS.filter(({ placeholder }) => texts.some((text) => text.includes(placeholder)));
