import { isIP } from "node:net";
import { IMDS_FACTS, type ImdsFact } from "../contract/metadata.ts";
import { isRecord, parseJson, printable } from "../kit/json.ts";

/**
 * What the pod may know of where it runs. A fact that is not known is a path that is not there: an invented instance id
 * is worse than none.
 */
export type Facts = Readonly<Partial<Record<ImdsFact, string>>>;

/** The provider id of a node, as AWS's cloud controller writes it, and what it is of use for. */
const PROVIDER_ID = /^aws:\/\/\/([\w-]+)\/(i-[0-9a-f]+)$/;

/** Keys that stand for more than one fact. */
interface Sources {
  readonly podIps?: string;
  readonly providerId?: string;
}

const SOURCES: ReadonlySet<string> = new Set<keyof Sources>(["podIps", "providerId"]);

/**
 * The parser of `PODROLE_IMDS_FACTS`: a JSON object of texts with the keys of {@link Facts}; with `providerId`, which is a
 * node's `spec.providerID` and gives zone and instance id where they are not given; and with `podIps`, which is the
 * downward API's `status.podIPs` and gives the addresses. An empty text is no fact: that is what the downward API puts
 * for a label which the pod does not have.
 * @throws Error naming every problem
 */
export function factsOf(raw: string): Facts {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error("must be a JSON object of texts");
  const given = Object.entries(parsed).filter(([, value]) => value !== "");
  const problems = given.flatMap(([key, value]) => {
    if (typeof value !== "string") return [`.${printable(key)} must be a text`];
    if (SOURCES.has(key)) return [];
    if (!isFact(key)) return [`.${printable(key)} is not known`];
    return IMDS_FACTS[key].test(value) ? [] : [`.${key} is not well-formed`];
  });
  if (problems.length > 0) throw new Error(`is not valid: ${problems.join(", ")}`);
  const { providerId, podIps, ...facts } = Object.fromEntries(given) as Facts & Sources;
  return { ...fromProviderId(providerId), ...fromPodIps(podIps), ...facts };
}

const isFact = (key: string): key is ImdsFact => Object.hasOwn(IMDS_FACTS, key);

/** One of each family at most, and in a cluster of one family one alone. */
function fromPodIps(podIps = ""): Facts {
  const all = podIps.split(",").map((address) => address.trim());
  const [localIpv4, ipv6] = [4, 6].map((version) => all.find((address) => isIP(address) === version));
  return { ...(localIpv4 === undefined ? {} : { localIpv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

/** A node of no AWS cluster has another kind of provider id, and then nothing is learnt from it. */
function fromProviderId(providerId = ""): Facts {
  const [, availabilityZone, instanceId] = PROVIDER_ID.exec(providerId) ?? [];
  return availabilityZone === undefined || instanceId === undefined ? {} : { availabilityZone, instanceId };
}
