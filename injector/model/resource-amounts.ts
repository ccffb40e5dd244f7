import { quantityOf } from "./quantity.ts";

/** Amounts of CPU and memory of guard and sidecar, as they are written and as they are compared. */

export const RESOURCES = ["cpu", "memory"] as const;
export type Resource = (typeof RESOURCES)[number];

export const REQUIREMENTS = ["requests", "limits"] as const;
export type Requirement = (typeof REQUIREMENTS)[number];

/** Requests and limits of a container, as Kubernetes quantities. */
export type Requirements = Readonly<Record<Requirement, Readonly<Record<Resource, string>>>>;

export type Place = `${Requirement}.${Resource}`;
export const PLACES: readonly Place[] = REQUIREMENTS.flatMap((kind) =>
  RESOURCES.map((resource): Place => `${kind}.${resource}`),
);

/** One part of a text such as `requests.cpu=10m,limits.memory=64Mi`. */
export interface Amount {
  readonly place: Place;
  readonly quantity: string;
}

export const writeAmount = ({ place, quantity }: Amount): string => `${place}=${quantity}`;

export const amountsOf = (all: Requirements): readonly Amount[] =>
  REQUIREMENTS.flatMap((kind) =>
    RESOURCES.map((resource): Amount => ({ place: `${kind}.${resource}`, quantity: all[kind][resource] })),
  );

/** @throws Error whose message goes on after the name of what holds the text, such as "has ..." */
export function amountIn(part: string, floors: Requirements, needs: string): Amount {
  const [, written = "", quantity = ""] = /^([a-z]+\.[a-z]+)=(\S{1,24})$/.exec(part) ?? [];
  const place = PLACES.find((one) => one === written);
  const units = place === undefined ? NaN : unitsOf(resourceOf(place), quantity);
  if (place === undefined || !Number.isSafeInteger(units)) {
    throw new Error(
      "must have the form requests.cpu=10m,requests.memory=20Mi,limits.cpu=1,limits.memory=64Mi",
    );
  }
  const [resource, least] = [resourceOf(place), at(floors, place)];
  // The API server rounds CPU up, but keeps thousandths of a byte.
  const isLess =
    units < unitsOf(resource, least) || (resource === "memory" && quantityOf(quantity) < quantityOf(least));
  if (isLess) throw new Error(`must give ${needs} at least ${place}=${least}`);
  return { place, quantity };
}

/** @throws Error as {@link amountIn}, about what no single part shows */
export function consistent(amounts: readonly Amount[]): readonly Amount[] {
  if (new Set(amounts.map(({ place }) => place)).size < amounts.length)
    throw new Error("names an amount twice");
  const unitsAt = (place: Place): number => {
    const found = amounts.find((one) => one.place === place);
    return found === undefined ? NaN : unitsOf(resourceOf(place), found.quantity);
  };
  const inverted = RESOURCES.find((one) => unitsAt(`requests.${one}`) > unitsAt(`limits.${one}`));
  if (inverted !== undefined) throw new Error(`has a request of ${inverted} above its limit`);
  return amounts;
}

/** The first, with the second's amounts in place of its own. Where only one of request and limit is named, the other follows it. */
export function withAmounts(base: Requirements, amounts: readonly Amount[]): Requirements {
  const named = new Map(amounts.map(({ place, quantity }) => [place, quantity]));
  const both = RESOURCES.map((resource) => {
    const request = named.get(`requests.${resource}`) ?? base.requests[resource];
    const limit = named.get(`limits.${resource}`) ?? base.limits[resource];
    const fits = unitsOf(resource, request) <= unitsOf(resource, limit);
    const follows = named.has(`limits.${resource}`) ? [limit, limit] : [request, request];
    return [resource, fits ? [request, limit] : follows] as const;
  });
  return requirementsFrom(both);
}

/** @param both request and limit of each resource */
export function requirementsFrom(
  both: readonly (readonly [Resource, readonly (string | undefined)[]])[],
): Requirements {
  const [requests, limits] = [0, 1].map((index) =>
    Object.fromEntries(both.map(([resource, pair]) => [resource, pair[index]])),
  );
  return { requests, limits } as unknown as Requirements;
}

export const resourceOf = (place: Place): Resource => (place.endsWith("cpu") ? "cpu" : "memory");

export const at = (all: Requirements, place: Place): string =>
  all[place.startsWith("requests") ? "requests" : "limits"][resourceOf(place)];

/** Whole thousandths of a CPU, or whole bytes, rounded up as the API server does; NaN if the text is not a quantity. */
export const unitsOf = (resource: Resource, quantity: string): number =>
  // A product such as 0.035 * 1000 is a little above the whole number.
  Math.ceil(quantityOf(quantity) * (resource === "cpu" ? 1000 : 1) - 1e-6);

/** A quantity of so many units. */
export function quantityFrom(resource: Resource, units: number): string {
  if (resource === "cpu") return units % 1000 === 0 ? String(units / 1000) : `${units}m`;
  const power = [2 ** 20, 2 ** 10].find((one) => units % one === 0 && units > 0);
  return power === undefined ? String(units) : `${units / power}${power === 2 ** 20 ? "Mi" : "Ki"}`;
}

/** The larger of each amount. */
export const largestOf = (all: readonly [Requirements, ...Requirements[]]): Requirements =>
  requirementsFrom(
    RESOURCES.map((resource) => [
      resource,
      REQUIREMENTS.map((kind) =>
        all
          .map((one) => one[kind][resource])
          .reduce((one, other) => (unitsOf(resource, other) > unitsOf(resource, one) ? other : one)),
      ),
    ]),
  );
