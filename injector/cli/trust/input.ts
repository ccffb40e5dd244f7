import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseBaseRoleArn, parseRoleArn } from "../../model/arn.ts";
import { type Facts } from "../../model/facts.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { namespaceIn, templateOf } from "../../model/workload.ts";
import type { Io } from "../io.ts";
import { parseReference } from "../live/reference.ts";
import { assumptionsFrom, objectsIn, readManifests } from "../input/files.ts";
import { assumingBroker, withAnyCa } from "../input/assumed-broker.ts";
import { givenSettings } from "../input/settings.ts";
import { installationFrom, type Installation } from "../live/installed.ts";
import type { Need } from "./documents.ts";
import { needOfWishes, needsOfPod, chosenNeeds } from "./need.ts";
import type { Options } from "./options.ts";
import { parseSubject } from "./subject.ts";

/** One need at least, all of one source. */
interface Needed {
  readonly needs: readonly Need[];
  readonly installation: Installation;
}

/** What is needed, by whichever of its three forms the command line has. */
export async function needsFrom(
  references: readonly string[],
  options: Options,
  stdin: Io["stdin"],
): Promise<Needed> {
  const { filename, serviceAccount, role } = options;
  const forms = [filename !== undefined, references.length > 0, serviceAccount !== undefined];
  if (forms.filter(Boolean).length !== 1) {
    throw new CodedError(
      "USAGE",
      "Give one of: --service-account with -n and --role, manifests with -f, or objects such as pod/NAME.",
    );
  }
  if (serviceAccount !== undefined) return ofServiceAccounts(serviceAccount, options);
  const { externalId, tags } = options;
  if (externalId !== undefined || tags !== undefined) {
    throw new CodedError("USAGE", "--external-id and --tags are read from the pods' own annotations here.");
  }
  const { objects, installation } =
    filename === undefined
      ? await ofCluster(references, options)
      : await ofManifests(filename, options, stdin);
  const needs = objects.flatMap(({ object, facts }) => needsOfPod(object, facts, installation.config));
  return { needs: chosenNeeds(needs, roleFrom(role, installation.config, options)), installation };
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
  return { needs: [needOfWishes(wanted, config)], installation: { config, assumptions: [] } };
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

interface Objects {
  readonly objects: readonly { readonly object: Fields; readonly facts: Facts }[];
  readonly installation: Installation;
}

async function ofManifests(files: readonly string[], options: Options, stdin: Io["stdin"]): Promise<Objects> {
  const { config } = assumingBroker(await givenSettings(options));
  const input = objectsIn(await readManifests(files, stdin));
  const cluster = manifestCluster(input, assumptionsFrom(options));
  const objects = await Promise.all(
    input.flatMap((object) => {
      const template = templateOf(object);
      if (template === undefined) return [];
      const namespace = namespaceIn(object) ?? options.namespace ?? "default";
      return [cluster.facts(namespace, serviceAccountIn(template.pod)).then((facts) => ({ object, facts }))];
    }),
  );
  if (objects.length === 0) {
    throw new CodedError("NOTHING_TO_EXPLAIN", "The manifests contain no pod and no workload.");
  }
  return { objects, installation: { config, assumptions: [] } };
}

async function ofCluster(references: readonly string[], options: Options): Promise<Objects> {
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const { readObjects, withCluster } = await import("../live/cluster.ts");
  references.forEach(parseReference);
  const settings = installationFrom(await givenSettings(options));
  return withCluster(options, async (cluster) => {
    const { objects, installation } = await readObjects(references, options, cluster, settings);
    return { objects, installation: { ...installation, config: withAnyCa(installation.config) } };
  });
}
