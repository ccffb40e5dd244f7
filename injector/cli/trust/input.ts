import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseBaseRoleArn, parseRoleArn } from "../../model/arn.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Io } from "../io.ts";
import { assumingBroker } from "../input/assumed-broker.ts";
import { givenSettings } from "../input/settings.ts";
import type { Installation } from "../live/installed.ts";
import type { Need } from "./calls.ts";
import { groupedNeeds, needOfWishes, needsOfPod } from "./need.ts";
import { ofCluster, ofManifests } from "./objects.ts";
import type { Options } from "./options.ts";
import { parseSubject } from "./subject.ts";

/** One need at least. Their sources may differ: a namespace may have one of its own. */
export interface Needed {
  readonly needs: readonly Need[];
  readonly installation: Installation;
  /** Of pods that need nothing since they would be denied; sentences. */
  readonly denied: readonly string[];
}

/**
 * What is needed, by whichever of its four forms the command line has.
 * @throws CodedError `NO_ROLE`, or `POD_DENIED` where all pods with a role would be denied
 */
export async function needsFrom(
  references: readonly string[],
  options: Options,
  stdin: Io["stdin"],
): Promise<Needed> {
  const { filename, serviceAccount, allNamespaces = false } = options;
  const forms = [filename !== undefined, references.length > 0, serviceAccount !== undefined, allNamespaces];
  if (forms.filter(Boolean).length !== 1) {
    throw new CodedError(
      "USAGE",
      "Give one of: --service-account with -n and --role, manifests with -f, objects such as pod/NAME, or -A.",
    );
  }
  if (serviceAccount !== undefined) return ofServiceAccounts(serviceAccount, options);
  const { externalId, tags } = options;
  if (externalId !== undefined || tags !== undefined) {
    throw new CodedError("USAGE", "--external-id and --tags are read from the pods' own annotations here.");
  }
  const { objects, installation, problems } =
    filename === undefined
      ? await ofCluster(references, options)
      : await ofManifests(filename, options, stdin);
  const found = objects.map(({ object, facts }) => needsOfPod(object, facts, installation.config));
  const role = roleFrom(options.role, installation.config, options);
  const needs = found
    .flatMap((one) => (one.kind === "needs" ? one.needs : []))
    .filter((need) => role === undefined || need.role === role);
  const denied = [...problems, ...found.flatMap((one) => (one.kind === "denied" ? [one.why] : []))];
  if (needs.length === 0) throw noRole(role, denied);
  return { needs: groupedNeeds(needs), installation, denied };
}

function noRole(role: Need["role"] | undefined, [denied]: readonly string[]): CodedError {
  if (denied !== undefined) return new CodedError("POD_DENIED", denied);
  return new CodedError("NO_ROLE", `None of these pods gets ${role ?? "a role"}.`, {
    remedy: "podrole explain shows the decision, and what could name a role.",
  });
}

function roleFrom(
  role: string | undefined,
  config: InjectorConfig,
  options: Options,
): Need["role"] | undefined {
  if (role === undefined) return undefined;
  const base = baseFrom(config, options);
  const arn = parseRoleArn(role) ?? (base === undefined ? undefined : parseRoleArn(base + role));
  if (arn === undefined) throw new CodedError("USAGE", "--role chooses among the pods' roles by ARN.");
  return arn;
}

async function ofServiceAccounts(names: readonly string[], options: Options): Promise<Needed> {
  const { namespace, role } = options;
  if (namespace === undefined || role === undefined) {
    throw new CodedError("USAGE", `--service-account needs ${namespace === undefined ? "-n" : "--role"}.`, {
      remedy:
        "Such as: podrole trust-policy --role arn:aws:iam::111122223333:role/NAME -n shop --service-account till.",
    });
  }
  const { config } = assumingBroker(await givenSettings(options));
  const wanted = {
    role,
    base: baseFrom(config, options),
    source: config.source,
    subjects: names.map((name) => parseSubject(namespace, name)),
    externalId: options.externalId,
    sessionTags: options.tags,
  };
  return { needs: [needOfWishes(wanted, config)], installation: { config, assumptions: [] }, denied: [] };
}

/** The base of role names, from whatever names an account. */
function baseFrom(
  { baseRoleArn }: InjectorConfig,
  { oidcProvider, principal }: Options,
): InjectorConfig["baseRoleArn"] {
  if (baseRoleArn !== undefined) return baseRoleArn;
  const [, partition, account] = /^arn:([a-z-]+):iam::(\d{12}):/.exec(oidcProvider ?? principal ?? "") ?? [];
  return account === undefined ? undefined : parseBaseRoleArn(`arn:${partition}:iam::${account}:role/`);
}
