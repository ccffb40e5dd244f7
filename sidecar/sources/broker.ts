import { ENV } from "../contract/env.ts";
import { defaulted } from "../kit/defaults.ts";
import { httpOrigin, required, text } from "../kit/env.ts";
import { certificates } from "../kit/pem.ts";
import type { Issue } from "../sts/chain.ts";
import { defineBrokerSource } from "./source.ts";

function httpsOrigin(raw: string): string {
  if (!raw.startsWith("https:")) throw new Error("must be an https URL, since the pod's token is sent there");
  return httpOrigin(raw);
}

/** The broker, which alone has an AWS identity, and decides each time whether the pod may use the role. */
export const broker = defineBrokerSource({
  settings: {
    url: required(ENV.brokerUrl, httpsOrigin),
    ca: required(ENV.brokerCa, certificates),
    // The same file as for source web-identity, with a token of another audience.
    tokenFile: defaulted(ENV.webIdentityTokenFile, text),
  },
  callsSts: false,
  reachesMetadata: false,
  issuer: (settings, asked) => {
    let issue: Issue | undefined;
    // Imported only when needed: other sources do without.
    return async () => {
      issue ??= (await import("./broker/ask.ts")).askBroker(settings, asked);
      return issue();
    };
  },
});
