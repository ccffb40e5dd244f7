import { isIP } from "node:net";
import { IMDS_FACTS, type ImdsFact } from "../contract/metadata.ts";
import { isRecord, parseJson, printable } from "../kit/json.ts";

/** What the pod may know of where it runs. An unknown fact is a missing path: an invented instance id would be worse. */
export type Facts = Readonly<Partial<Record<ImdsFact, string>>>;

/** The provider id of a node, as AWS's cloud controller writes it: zone and instance id. */
const PROVIDER_ID = /^aws:\/\/\/([\w-]+)\/(i-[0-9a-f]+)$/;

/** Keys that give more than one fact. */
interface Compound {
  readonly podIps?: string;
  readonly providerId?: string;
}

const COMPOUND: ReadonlySet<string> = new Set<keyof Compound>(["podIps", "providerId"]);

/**
 * The parser of `PODROLE_IMDS_FACTS`: a JSON object of texts with the keys of {@link Facts}; with `providerId`, a node's
 * `spec.providerID`, which gives zone and instance id unless they are set; and with `podIps`, the downward API's
 * `status.podIPs`, which gives the addresses. An empty text is ignored: the downward API writes it for a label that the
 * pod does not have.
 * @throws Error naming every problem
 */
export function factsOf(raw: string): Facts {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error("must be a JSON object of texts");
  const given = Object.entries(parsed).filter(([, value]) => value !== "");
  const problems = given.flatMap(([key, value]) => {
    if (typeof value !== "string") return [`.${printable(key)} must be a text`];
    if (COMPOUND.has(key)) return [];
    if (!isFact(key)) return [`.${printable(key)} is not known`];
    return IMDS_FACTS[key].test(value) ? [] : [`.${key} is not well-formed`];
  });
  if (problems.length > 0) throw new Error(`is not valid: ${problems.join(", ")}`);
  const { providerId, podIps, ...facts } = Object.fromEntries(given) as Facts & Compound;
  return { ...fromProviderId(providerId), ...fromPodIps(podIps), ...facts };
}

const isFact = (key: string): key is ImdsFact => Object.hasOwn(IMDS_FACTS, key);

/** At most one address of each family. */
function fromPodIps(podIps = ""): Facts {
  const all = podIps.split(",").map((address) => address.trim());
  const [localIpv4, ipv6] = [4, 6].map((version) => all.find((address) => isIP(address) === version));
  return { ...(localIpv4 === undefined ? {} : { localIpv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

/** A node outside AWS has another kind of provider id, which gives nothing. */
function fromProviderId(providerId = ""): Facts {
  const [, availabilityZone, instanceId] = PROVIDER_ID.exec(providerId) ?? [];
  return availabilityZone === undefined || instanceId === undefined ? {} : { availabilityZone, instanceId };
}
