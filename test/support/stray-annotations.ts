import { straysIn } from "../../injector/decide/stray-annotations.ts";
import type { Keys, On } from "../../injector/model/annotations.ts";
import type { Finding } from "../../injector/model/findings.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";

/** The findings about annotations of an object of this kind. */
export const strayAnnotations = (
  on: On,
  annotations: Readonly<Record<string, unknown>>,
  keys: Keys = ANNOTATION,
): readonly Finding[] => straysIn({ on }, annotations, keys).map(({ finding }) => finding);
