import { type Container, envVar, type Pod } from "../model/pod.ts";
import { type Finding, finding } from "../model/findings.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { recordsIn, own, strings } from "../model/read.ts";
import { normalAddress } from "../../sidecar/kit/address.ts";

/** Variables that come before the container credentials in the default chain of most SDKs. */
const SHADOWS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_PROFILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_CONFIG_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/**
 * Says where the user's own variables win over the sidecar. They do win: podrole never overwrites what a manifest
 * says, and a pod that quietly runs as somebody else is what this warning is for.
 * @param ours the address and token this pod's sidecar is given; anything else under those names is the user's
 */
export function shadowed(
  container: Container,
  ours: { readonly uri: string; readonly token: string },
): readonly Finding[] {
  const foreign = (name: string, value: string): boolean => {
    const variable = envVar(container, name);
    return variable !== undefined && variable.value !== value;
  };
  const names = [
    ...SHADOWS.filter((name) => envVar(container, name) !== undefined),
    ...(foreign(APP_ENV.fullUri, ours.uri) ? [APP_ENV.fullUri] : []),
    ...(foreign(APP_ENV.token, ours.token) ? [APP_ENV.token] : []),
  ];
  return names.map((name) =>
    finding(
      "CREDENTIALS_SHADOWED",
      `Container ${JSON.stringify(container.name)} sets ${name}, which wins over the pod's role.`,
      `Take ${name} off the container to use the role.`,
    ),
  );
}

/** Names that EC2's own service goes by, which the sidecar knows too. */
const OWN_NAMES = new Set(["instance-data", "instance-data.ec2.internal"]);

/** Where clients of an emulated service would not find it, by what the container or the pod has set. */
export function imdsShadowed({ spec }: Pod, containers: readonly Container[]): readonly Finding[] {
  const variables = containers.flatMap((container) =>
    ["AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
      .filter((name) => {
        const variable = envVar(container, name);
        return variable !== undefined && variable.value?.toLowerCase() !== "false";
      })
      .map((name) =>
        finding(
          "IMDS_SHADOWED",
          `Container ${JSON.stringify(container.name)} sets ${name}, so AWS SDKs in it do not ask the emulated service.`,
          `Take ${name} off the container, if they are to.`,
        ),
      ),
  );
  const metadata: readonly string[] = METADATA_ADDRESSES;
  const aliases = recordsIn(spec, "hostAliases").flatMap((alias) => {
    const ip = own(alias, "ip");
    const isMetadata = typeof ip === "string" && metadata.includes(normalAddress(ip) ?? "");
    return strings(own(alias, "hostnames"))
      .filter((name) => OWN_NAMES.has(name) !== isMetadata)
      .map((name) =>
        finding(
          "IMDS_SHADOWED",
          isMetadata
            ? `The pod's hostAliases call the metadata service ${JSON.stringify(name.slice(0, 80))}, a name under which the sidecar refuses to answer.`
            : `The pod's hostAliases lead ${JSON.stringify(name.slice(0, 80))} away from the metadata service's address.`,
          "Ask the service by its address, and take the alias off.",
        ),
      );
  });
  return [...variables, ...aliases];
}
