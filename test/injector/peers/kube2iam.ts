import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";
import { role } from "../../support/facts.ts";
import { ACCOUNT, asks, NONE, OTHER, REFUSED, RESTRICTED, UNANCHORED, type Row } from "./row.ts";

/** kube2iam without --namespace-restrictions checks no rule. */
const FREE: Partial<InjectorConfig> = { policy: "off" };
const REGEXP: Partial<InjectorConfig> = { policy: "enforce", allowedRolesFormat: "regexp" };
const WITH_DEFAULT: Partial<InjectorConfig> = { defaultRole: role(`${ACCOUNT}default-role`) };

const { namespaceAllowedRoles: ALLOWED } = ANNOTATION;
const explicit = asks(`${ACCOUNT}explicit-role`);
const list = (...entries: readonly string[]) => ({ [ALLOWED]: JSON.stringify(entries) });

const roles: readonly Row[] = [
  { example: "no annotation", pod: {}, settings: FREE, theirs: NONE },
  { example: "a name", pod: asks("explicit-role"), settings: FREE, theirs: `${ACCOUNT}explicit-role` },
  { example: "a path", pod: asks("my-path/role"), settings: FREE, theirs: `${ACCOUNT}my-path/role` },
  { example: "an ARN", pod: asks(`${OTHER}explicit-arn`), settings: FREE, theirs: `${OTHER}explicit-arn` },
  {
    example: "no annotation, a default role",
    pod: {},
    settings: { ...FREE, ...WITH_DEFAULT },
    theirs: `${ACCOUNT}default-role`,
  },
  {
    example: "an annotation and a default role",
    pod: asks("something"),
    settings: { ...FREE, ...WITH_DEFAULT },
    theirs: `${ACCOUNT}something`,
  },
  {
    example: "an empty annotation",
    pod: asks(""),
    settings: FREE,
    theirs: NONE,
    ours: [REFUSED, "what the IAM grammar does not know is denied"],
  },
  {
    example: "an external id",
    pod: { ...asks("something"), [ANNOTATION.externalId]: "external-id" },
    settings: FREE,
    asking: "externalId",
    theirs: "external-id",
  },
  {
    example: "a session name, of the pod's address and the role",
    pod: asks("something"),
    settings: FREE,
    asking: "session",
    theirs: "d58a1f6f-something",
    ours: ["{namespace}.{pod}", "namespace and pod by default"],
  },
  {
    example: "a pod on the node's network",
    pod: asks("something"),
    settings: FREE,
    hostNetwork: true,
    theirs: "the node's role",
    ours: [REFUSED, "denied when it asks for a role"],
  },
  {
    example: "a namespace's list, without --namespace-restrictions",
    pod: explicit,
    namespace: list("another"),
    settings: { policy: "listed" },
    theirs: `${ACCOUNT}explicit-role`,
    ours: [REFUSED, "mode listed holds a namespace to its rules"],
  },
];

const restrictions: readonly Row[] = [
  { example: "no annotation on the namespace", pod: explicit, settings: RESTRICTED, theirs: REFUSED },
  {
    example: "no annotation on the namespace, in the default mode",
    pod: explicit,
    settings: { policy: "listed" },
    theirs: REFUSED,
    ours: [`${ACCOUNT}explicit-role`, "mode listed leaves it to the trust policy"],
  },
  {
    example: "an empty one",
    pod: explicit,
    namespace: { [ALLOWED]: "" },
    settings: RESTRICTED,
    theirs: REFUSED,
  },
  {
    example: "no JSON",
    pod: explicit,
    namespace: { [ALLOWED]: "not valid json" },
    settings: RESTRICTED,
    theirs: REFUSED,
  },
  { example: "an empty list", pod: explicit, namespace: list(), settings: RESTRICTED, theirs: REFUSED },
  {
    example: "the default role, which needs no rule",
    pod: {},
    namespace: list(),
    settings: { ...RESTRICTED, ...WITH_DEFAULT },
    theirs: `${ACCOUNT}default-role`,
  },
  {
    example: "the default role, asked for by name",
    pod: asks("default-role"),
    settings: { ...RESTRICTED, ...WITH_DEFAULT },
    theirs: `${ACCOUNT}default-role`,
  },
];

/** The role that a pod asks for, its namespace's list, and whether kube2iam allows the role. */
const lists = (
  settings: Partial<InjectorConfig>,
  ...cases: readonly (readonly [
    name: string,
    entries: readonly string[],
    allowed: boolean,
    ours?: Row["ours"],
  ])[]
): readonly Row[] =>
  cases.map(([name, entries, allowed, ours]) => {
    const arn = name.startsWith("arn:") ? name : ACCOUNT + name;
    const row = {
      example: `${entries.join(" and ")} for ${arn}`,
      pod: asks(name),
      namespace: list(...entries),
      settings,
    };
    return { ...row, theirs: allowed ? arn : REFUSED, ...(ours === undefined ? {} : { ours }) };
  });

const globs = lists(
  RESTRICTED,
  ["explicit-role", ["explicit-role"], true],
  ["path/explicit-role", ["path/*"], true],
  ["my-custom-path/role", ["my-custom-path/*"], true],
  ["explicit-role", [`${ACCOUNT}explicit-role`], true],
  ["path/explicit-role", [`${ACCOUNT}path/*-role`], true],
  ["test-role", [`${ACCOUNT}explicit-role`], false],
  ["test-role", ["explicit-role", "explicit-role2"], false],
  ["glob-role", ["explicit-role", "glob-*"], true],
  ["explicit-role2", ["explicit-role"], false],
  [`${OTHER}explicit-arn`, ["explicit-arn"], false],
  [`${OTHER}explicit-arn`, ["*"], false],
  [`${OTHER}explicit-arn`, [`${OTHER}*`], true],
);

const expressions = lists(
  REGEXP,
  ["explicit-role", ["explicit-role"], true],
  ["path/explicit-role", ["path/.*"], true],
  ["my-custom-path/role", ["my-custom-path/.*"], true],
  ["explicit-role", [`${ACCOUNT}explicit-role`], true],
  ["path/explicit-role", [`${ACCOUNT}path/.*-role`], true],
  ["test-role", [`${ACCOUNT}explicit-role`], false],
  ["test-role", ["explicit-role", "explicit-role2"], false],
  ["glob-role", ["explicit-role", "glob-.*"], true],
  [`${OTHER}explicit-arn`, [".*"], false],
  ["team3-reader", Array.from({ length: 10 }, (_, index) => `${ACCOUNT}team${index}-.*`), true],
  ["team13-reader", Array.from({ length: 10 }, (_, index) => `${ACCOUNT}team${index}-.*`), false],
  ["explicit-role-admin", ["explicit-role"], true, UNANCHORED],
  ["explicit-role-admin", [`${ACCOUNT}explicit-role`], true, UNANCHORED],
);

export const KUBE2IAM = {
  "annotations of a pod": roles,
  "--namespace-restrictions": restrictions,
  "--namespace-restriction-format=glob": globs,
  "--namespace-restriction-format=regexp": expressions,
};
