import { hostOf, isLoopback } from "../../sidecar/kit/address.ts";
import { list, text, type Kind } from "./kinds.ts";

/** Kinds of what the way to STS through a proxy needs. */

const ORIGIN = "^https?://[a-z0-9.:[\\]-]+$";

/** Without user and password: every pod carries the URL, and whoever may read pods sees it. */
export const proxyUrl: Kind<string> = text(
  "url",
  (raw) => {
    const url = URL.parse(raw);
    if (url !== null && (url.username !== "" || url.password !== "")) {
      throw new Error(
        "must not contain user or password, which everybody would see who reads pods: put them into a Secret, and name it with stsProxySecret",
      );
    }
    if (!new RegExp(ORIGIN).test(raw) || url?.origin !== raw) {
      throw new Error(
        "must be an http or https URL in lower case, such as http://proxy.example:3128, without path and slash at the end",
      );
    }
    if (isLoopback(hostOf(raw))) {
      throw new Error("must not be a loopback address: in a pod, that is the app itself");
    }
    return raw;
  },
  { pattern: ORIGIN },
);

const HOST = "^\\.?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";

export const hosts: Kind<readonly string[]> = list("hosts", {
  parse: (part) => {
    if (!new RegExp(HOST).test(part)) {
      throw new Error(
        "must be host names in lower case: sts.eu-west-1.amazonaws.com, or .vpce.amazonaws.com for all names below that",
      );
    }
    return part;
  },
  write: String,
  schema: { pattern: HOST },
});
