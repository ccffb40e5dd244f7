import { isDeepStrictEqual } from "node:util";
import { uncommonResources } from "../model/own-resources.ts";
import { fieldsIn, own, type Fields } from "../model/read.ts";
import type { Container } from "../model/pod.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { aroundHashes } from "./token.ts";

/**
 * The container without fields that others may set and that change nothing about the program: LimitRanger, autoscalers,
 * the defaulter, AlwaysPullImages. How much CPU and memory it has is checked elsewhere. The token's hash is
 * not compared: podrole writes it again in any case.
 */
function comparable(container: Container, expected: Container): Fields {
  const { resizePolicy: _, imagePullPolicy, ...rest } = container;
  const { procMount, ...context } = rest.securityContext ?? {};
  return {
    ...rest,
    resources: uncommonResources(fieldsIn(container, "resources")),
    imagePullPolicy: imagePullPolicy === "Always" ? expected["imagePullPolicy"] : imagePullPolicy,
    env: (container.env ?? []).map((one) =>
      one.name === ENV.identities && typeof one.value === "string"
        ? { ...one, value: aroundHashes(one.value) }
        : one,
    ),
    volumeMounts: container.volumeMounts ?? [],
    securityContext: procMount === undefined || procMount === "Default" ? context : { ...context, procMount },
  };
}

/** Whether a container is the one that this version writes, except for fields that others may set. */
export const sameContent = (actual: Container, expected: Container): boolean =>
  isDeepStrictEqual(comparable(actual, expected), comparable(expected, expected));

/** Which fields differ, for a person who has to find out why. Of the security context, which of its fields. */
export function differingFields(actual: Container, expected: Container): readonly string[] {
  const [a, b] = [comparable(actual, expected), comparable(expected, expected)];
  return differing(a, b).flatMap((key) =>
    key === "securityContext" && actual.securityContext != null
      ? differing(fieldsIn(a, key), fieldsIn(b, key)).map((field) => `${key}.${field}`)
      : [key],
  );
}

const differing = (a: Fields, b: Fields): readonly string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => !isDeepStrictEqual(own(a, key), own(b, key)))
    .toSorted();

/** The container that is there already, if its content is podrole's: others may have changed its resources or added defaults. */
export function keptOr(expected: Container, present: readonly Container[]): Container {
  const found = present.find(
    (container) => container.name === expected.name && sameContent(container, expected),
  );
  if (found === undefined) return expected;
  return isDeepStrictEqual(found.env ?? [], expected.env ?? [])
    ? found
    : { ...found, env: expected.env ?? [] };
}
