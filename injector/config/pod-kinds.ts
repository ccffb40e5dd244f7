import { MESH_IMAGE_ENTRY } from "../model/mesh-init.ts";
import { IMDS_FACTS, type ImdsFact } from "../../sidecar/contract/metadata.ts";
import { SOURCES, type Source } from "../../sidecar/contract/session.ts";
import { blockable } from "../../sidecar/kit/address.ts";
import { oneOf } from "../../sidecar/kit/env.ts";
import { nodePath } from "../../sidecar/kit/node-path.ts";
import { parseResources, type OwnContainer } from "../model/own-resources.ts";
import { writeAmount, type Amount } from "../model/resource-amounts.ts";
import { list, pattern, type Kind } from "./kinds.ts";

/** Kinds of Kubernetes' and the guard's values: names, keys, addresses, facts for the emulated metadata service. */

export const image = pattern("image", /^[^\s"'\\]{1,512}$/, "must be an image, by tag or by digest");

export const objectName = pattern(
  "name",
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
  "must be the name of a Kubernetes object",
);

/** Kubernetes' grammar for keys of annotations and labels: with a DNS name and a slash before it, or without. */
export const annotationKey = pattern(
  "key",
  /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
  "must be a key such as example.com/role",
);

export const sources: Kind<readonly Source[]> = list("sources", {
  parse: oneOf(SOURCES),
  write: String,
  schema: { enum: SOURCES },
});

/** As the guard takes them, one by one: it refuses to cut the app off from its sidecar, DNS or the clock. */
export const addresses: Kind<readonly string[]> = list(
  "addresses",
  { parse: blockable, write: String, schema: { pattern: "^[0-9a-fA-F.:]+$" } },
  1,
);

/** Paths of the node's own metadata service. */
export const nodePaths: Kind<readonly string[]> = list("paths", {
  parse: nodePath,
  write: String,
  schema: { pattern: "^(meta-data|dynamic)(/[a-z0-9][a-z0-9:.-]*)+$" },
});

const meshImage = pattern(
  "image",
  new RegExp(MESH_IMAGE_ENTRY),
  "must have entries such as istio=docker.io/istio/proxyv2: a mesh, and a repository with its registry and without a tag",
);

/** Images of meshes' init containers. */
export const meshImages: Kind<readonly string[]> = list("images", {
  ...meshImage,
  schema: { pattern: MESH_IMAGE_ENTRY },
});

/** A fact that the emulated metadata service reports: one value for all pods, or the value of a label of the pod. */
export type ImdsFactSetting =
  | { readonly fact: ImdsFact; readonly value: string }
  | { readonly fact: ImdsFact; readonly label: string };

/** Only the pod itself knows its addresses. */
const isSettable = (fact: string): fact is ImdsFact =>
  Object.hasOwn(IMDS_FACTS, fact) && fact !== "localIpv4" && fact !== "ipv6";

const SETTABLE = Object.keys(IMDS_FACTS).filter(isSettable);
const LABEL = "label:";

const factsList = list<ImdsFactSetting>("facts", {
  parse: (part) => {
    const [, fact = "", value = ""] = /^([A-Za-z]+)=(.*)$/.exec(part) ?? [];
    if (!isSettable(fact)) throw new Error(`must name facts of this list: ${SETTABLE.join(", ")}`);
    if (value.startsWith(LABEL)) return { fact, label: annotationKey.parse(value.slice(LABEL.length)) };
    if (!IMDS_FACTS[fact].test(value)) throw new Error(`has an invalid value for ${fact}`);
    return { fact, value };
  },
  write: (one) => `${one.fact}=${"label" in one ? LABEL + one.label : one.value}`,
  schema: { pattern: `^(${SETTABLE.join("|")})=[^,]+$` },
});

/** Each fact once. */
export const imdsFacts: Kind<readonly ImdsFactSetting[]> = {
  ...factsList,
  parse: (raw) => {
    const facts = factsList.parse(raw);
    if (new Set(facts.map(({ fact }) => fact)).size < facts.length) throw new Error("names a fact twice");
    return facts;
  },
};

/** CPU and memory of one of podrole's containers; those that are not named are podrole's own. */
export const resourcesOf = (name: OwnContainer): Kind<readonly Amount[]> => ({
  ...list<Amount>("amounts", {
    parse: (part) => parseResources(name, part)[0] as Amount,
    write: writeAmount,
    schema: { pattern: "^(requests|limits)\\.(cpu|memory)=[0-9.]+[A-Za-z]*$" },
  }),
  parse: (raw) => parseResources(name, raw),
});
