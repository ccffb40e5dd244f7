import { type Container, type EnvVar, envVar, named, type Pod } from "../model/pod.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ENDPOINT_VARIABLES } from "../model/endpoint.ts";
import { endpointVariables, type Endpoint } from "./endpoints.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { fieldsIn, recordsIn, own, strings } from "../model/read.ts";
import { normalAddress } from "../../sidecar/kit/address.ts";

const RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";

/** Variables that come before the container credentials in the default chain of most SDKs. */
export const SHADOWING_VARIABLES: readonly string[] = [
  "AWS_ACCESS_KEY_ID",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_PROFILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_CONFIG_FILE",
  RELATIVE_URI,
];

/**
 * Warns where the user's variables take precedence over the sidecar. podrole never overwrites a manifest's variables, and
 * without the warning such a pod would run under another identity unnoticed. A variable of an optional key, as many charts
 * have it, is only for information: whether there is such a key is known when the container starts.
 * @param endpoint what podrole writes; other values under those names are the user's, and then podrole writes none of them
 */
export function shadowed(container: Container, endpoint: Endpoint): readonly Finding[] {
  const set = SHADOWING_VARIABLES.filter((name) => !isEmpty(envVar(container, name)));
  const optional = set.filter((name) => isOptional(envVar(container, name)));
  const certain = set.filter((name) => !optional.includes(name));
  return [
    ...[...certain, ...ofUser(container, endpoint)].map((name) =>
      finding(
        "CREDENTIALS_SHADOWED",
        `${named(container)} sets ${name}, which takes precedence over the pod's role.`,
        `Remove ${name} from the container to use the role.`,
      ),
    ),
    ...optional.map((name) =>
      finding(
        "CREDENTIALS_MAY_BE_SHADOWED",
        `${named(container)} takes ${name} from an optional key, which takes precedence over the pod's role where it exists.`,
        `Leave the key out to use the role, or remove ${name} from the container.`,
      ),
    ),
  ];
}

/** Whether the container starts without the variable where the Secret or ConfigMap has no such key. */
function isOptional(variable: EnvVar | undefined): boolean {
  const from = fieldsIn(variable ?? {}, "valueFrom");
  return ["secretKeyRef", "configMapKeyRef"].some((kind) => own(fieldsIn(from, kind), "optional") === true);
}

/**
 * To SDKs an empty text is no key, file or profile; botocore looks for a profile without a name and fails, with a role or without
 * (botocore 1.44.8, run). An empty relative URI, though, leads botocore and Rust's SDK to the address of ECS.
 */
const isEmpty = (variable: EnvVar | undefined): boolean =>
  variable === undefined ||
  (variable.name !== RELATIVE_URI && variable.valueFrom == null && (variable.value ?? "") === "");

/** Variables of the endpoint that the user has set: with other values, or not all of those that belong together. */
function ofUser(container: Container, endpoint: Endpoint): readonly string[] {
  const written = new Map(endpointVariables(endpoint).map(({ name, value }) => [name, value]));
  const present = ENDPOINT_VARIABLES.filter((name) => envVar(container, name) !== undefined);
  const others = present.filter((name) => envVar(container, name)?.value !== written.get(name));
  return others.length > 0 || present.length === written.size ? others : present;
}

/** Names that EC2's own service goes by, which the sidecar knows too. */
const OWN_NAMES = new Set(["instance-data", "instance-data.ec2.internal"]);

/** Warns about variables and host aliases that keep clients from the emulated metadata service. */
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
          `${named(container)} sets ${name}, so its AWS SDKs do not use the emulated metadata service.`,
          `Remove ${name} from the container to use it.`,
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
            ? `The pod's hostAliases give the metadata service the name ${JSON.stringify(name.slice(0, 80))}, under which the sidecar refuses to answer.`
            : `The pod's hostAliases point ${JSON.stringify(name.slice(0, 80))} away from the metadata service's address.`,
          "Remove the alias, and use the service's address.",
        ),
      );
  });
  return [...variables, ...aliases];
}
