import { isIPv4 } from "node:net";
import { isRecord, parseJson, printable } from "../kit/json.ts";

/**
 * What the pod may know of where it runs. A fact that is not known is a path that is not there: an invented instance id
 * is worse than none.
 */
export interface Facts {
  readonly region?: string;
  readonly availabilityZone?: string;
  readonly availabilityZoneId?: string;
  readonly instanceId?: string;
  readonly instanceType?: string;
  /** The pod's own address. */
  readonly localIpv4?: string;
  readonly hostname?: string;
  readonly imageId?: string;
  readonly mac?: string;
}

/** Label values, host names and AWS's own ids are all made of these. */
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,251}[A-Za-z0-9])?$/;
/** The provider id of a node, as AWS's cloud controller writes it, and what it is of use for. */
const PROVIDER_ID = /^aws:\/\/\/([\w-]+)\/(i-[0-9a-f]+)$/;

const isName = (value: string): boolean => NAME.test(value);

const KNOWN: Readonly<Record<string, (value: string) => boolean>> = {
  region: isName,
  availabilityZone: isName,
  availabilityZoneId: isName,
  instanceId: (value) => /^i-[0-9a-f]{8,32}$/.test(value),
  instanceType: isName,
  localIpv4: isIPv4,
  hostname: isName,
  imageId: isName,
  mac: (value) => /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(value),
};

/**
 * The parser of `PODROLE_IMDS_FACTS`: a JSON object of texts with the keys of {@link Facts}, and `providerId`, which is a
 * node's `spec.providerID` and gives zone and instance id where they are not given. An empty text is no fact: that is
 * what the downward API puts for a label which the pod does not have.
 * @throws Error naming every problem
 */
export function factsOf(raw: string): Facts {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error("must be a JSON object of texts");
  const given = Object.entries(parsed).filter(([, value]) => value !== "");
  const problems = given.flatMap(([key, value]) => {
    if (typeof value !== "string") return [`.${printable(key)} must be a text`];
    if (key === "providerId") return [];
    const check = Object.hasOwn(KNOWN, key) ? KNOWN[key] : undefined;
    if (check === undefined) return [`.${printable(key)} is not known`];
    return check(value) ? [] : [`.${key} is not well-formed`];
  });
  if (problems.length > 0) throw new Error(`is not valid: ${problems.join(", ")}`);
  const { providerId, ...facts } = Object.fromEntries(given) as Facts & { providerId?: string };
  return { ...fromProviderId(providerId), ...facts };
}

/** A node of no AWS cluster has another kind of provider id, and then nothing is learnt from it. */
function fromProviderId(providerId = ""): Facts {
  const [, availabilityZone, instanceId] = PROVIDER_ID.exec(providerId) ?? [];
  return availabilityZone === undefined || instanceId === undefined ? {} : { availabilityZone, instanceId };
}
