import { fieldsIn, own, strings, type Fields } from "../../../model/read.ts";
import { namespaceOf, type MintedToken } from "./minted-token.ts";

/** The API server's answer to a TokenReview. Pure. A token is known by its text: it has no signature. */
export function reviewedToken(review: Fields, tokens: ReadonlyMap<string, MintedToken>): Fields {
  const spec = fieldsIn(review, "spec");
  const minted = tokens.get(String(own(spec, "token")));
  const status =
    minted === undefined
      ? { authenticated: false, error: "invalid bearer token" }
      : statusOf(minted, strings(own(spec, "audiences")));
  return { ...review, status };
}

function statusOf(minted: MintedToken, asked: readonly string[]): Fields {
  const { subject, audience, pod } = minted;
  if (!asked.includes(audience)) {
    return { authenticated: false, error: `token audiences ["${audience}"] is invalid for this audience` };
  }
  return {
    authenticated: true,
    user: {
      username: subject,
      groups: [
        "system:serviceaccounts",
        `system:serviceaccounts:${namespaceOf(minted)}`,
        "system:authenticated",
      ],
      extra: {
        "authentication.kubernetes.io/pod-name": [pod.name],
        "authentication.kubernetes.io/pod-uid": [pod.uid],
      },
    },
    audiences: [audience],
  };
}
