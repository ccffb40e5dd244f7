import { CONFIG_MAP, writtenIn } from "../../../config/config-map.ts";
import type { Written } from "../../../config/read-config.ts";
import { parseGrant } from "../../../model/grant.ts";
import { nameOf, type Fields } from "../../../model/read.ts";
import { kindOf, namespaceIn, templateOf } from "../../../model/workload.ts";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { assumedWords, assumptionsFrom, objectsIn, placedIn, readManifests } from "../../input/files.ts";
import { assumingBroker } from "../../input/assumed-broker.ts";
import type { GivenSettings } from "../../input/settings.ts";
import type { Io } from "../../io.ts";
import { installationFrom, type Installation } from "../../live/installed.ts";
import { gatherer, reaches, type Around } from "../gather.ts";
import { wantsReach, type Options } from "../options.ts";
import { chosenIn, type Report } from "../report.ts";
import { surroundingsFrom } from "./surroundings.ts";

/**
 * Manifests are taken for the cluster: workloads with the roles that their pods would get, and pods that were read from a cluster as they are.
 * @throws CodedError `NOTHING_TO_EXPLAIN` without a pod or workload, `GRANT_INVALID`
 */
export async function reportOfFiles(
  files: readonly string[],
  options: Options,
  given: GivenSettings,
  stdin: Io["stdin"],
  at: string,
): Promise<Report> {
  const fallback = options.namespace ?? "default";
  const isChosen = (name: string): boolean => options.namespace === undefined || name === options.namespace;
  const objects = placedIn(objectsIn(await readManifests(files, stdin)), fallback);
  if (!objects.some((one) => templateOf(one) !== undefined))
    throw new CodedError("NOTHING_TO_EXPLAIN", "The manifests contain no pod and no workload.");
  const of = (kind: string): readonly Fields[] => objects.filter((one) => kindOf(one) === kind);
  const { config, assumptions, image } = settingsOf(of("ConfigMap"), given);
  const assumed = assumptionsFrom(options);
  const surroundings = surroundingsFrom(
    {
      namespaces: of("Namespace").filter((one) => isChosen(nameOf(one))),
      accounts: of("ServiceAccount"),
      grants: of("RoleGrant").map((one) => ({ kind: "grant", grant: parseGrant(one) })),
    },
    config,
    assumed,
  );
  const gathering = gatherer({ config, image, factsOf: surroundings.factsOf, choice: options, fallback });
  gathering.add(objects.filter((one) => isChosen(namespaceIn(one) ?? fallback)));
  const gathered = gathering.done();
  const isReach = wantsReach(options);
  return {
    namespace: options.namespace,
    from: files.join(", "),
    at,
    ...chosenIn(options),
    rows: gathered.rows,
    plain: gathered.plain,
    notHandled: gathered.notHandled,
    ...(isReach ? { reach: reaches(surroundings, gathered, options) } : {}),
    notes: [
      ...assumptions,
      ...(image === undefined && gathered.rows.some(({ kind }) => kind === "Pod") ? [IMAGE_UNKNOWN] : []),
      `No cluster was asked. Namespaces that the manifests do not hold are taken to have ${assumedWords(assumed)}.`,
    ],
  };
}

const IMAGE_UNKNOWN =
  "The image of podrole's sidecar is not known, so a pod's sidecar is told by its command alone. Give --image, or the ConfigMap podrole-config.";

/** Those of a ConfigMap among the manifests, unless a file was named; and the image, if they set it. */
function settingsOf(
  maps: readonly Fields[],
  given: GivenSettings,
): Pick<Installation, "config" | "assumptions"> & Pick<Around, "image"> {
  const { flags, file } = given;
  const object = maps.find((one) => nameOf(one) === CONFIG_MAP);
  if (object === undefined || file !== undefined)
    return { ...assumingBroker(given), image: flags["image"] ?? file?.written["image"] };
  const found = installationFrom(given)({ name: `ConfigMap ${CONFIG_MAP} of the manifests`, object });
  const written: Written = found.problem === undefined ? writtenIn(object) : {};
  return { ...found, image: flags["image"] ?? written["image"] };
}
