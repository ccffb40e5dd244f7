import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { base } from "../../support/facts.ts";
import { ACCOUNT, asks, NONE, OTHER, REFUSED, RESTRICTED, UNANCHORED, type Row } from "./row.ts";

/** The role that a pod asks for, its namespace's expression, and whether kiam allows the role. */
const permits = (
  ...cases: readonly (readonly [name: string, expression: string, allowed: boolean, ours?: Row["ours"]])[]
): readonly Row[] =>
  cases.map(([name, expression, allowed, ours]) => ({
    example: `${JSON.stringify(expression)} for ${name}`,
    pod: asks(name),
    namespace: { [ANNOTATION.namespacePermitted]: expression },
    settings: RESTRICTED,
    theirs: !allowed ? REFUSED : name.startsWith("arn:") ? name : ACCOUNT + name.replace(/^\//, ""),
    ...(ours === undefined ? {} : { ours }),
  }));

const permitted = permits(
  ["reportingdb-reader", ".*", true],
  ["/reportingdb-reader", ".*", true],
  ["kiam/myrole", `${ACCOUNT}kiam/.*`, true],
  ["/kiam/myrole", `${ACCOUNT}kiam/.*`, true],
  [`${OTHER}path-prefix/another-role`, ".*", true],
  ["red_role", "", false],
  ["red_role", "o", false],
  ["red_role", `^${ACCOUNT}red.*$`, true],
  ["orange_role", `^${ACCOUNT}red.*$`, false],
  ["test-role", "^test-role$", false],
  [`${ACCOUNT}test-role`, ".*test-role", true],
  ["test-role-admin", ".*test-role", false],
  ["red_role", "(", false],
  ["red-admin", `${ACCOUNT}red|${ACCOUNT}blue`, true, UNANCHORED],
);

/** kiam's base ARN is put before a name as it is, whatever it ends in. */
const PREFIX = `${ACCOUNT}prod-`;
const prefixed: readonly Row[] = (
  [
    ["reader", `${PREFIX}.*`, `${PREFIX}reader`],
    ["/reader", `${PREFIX}.*`, `${PREFIX}reader`],
    ["teams/reader", `${PREFIX}teams/.*`, `${PREFIX}teams/reader`],
    ["reader", `${ACCOUNT}reader`, REFUSED],
    [`${ACCOUNT}reader`, `${ACCOUNT}reader`, `${ACCOUNT}reader`],
  ] as const
).map(([name, expression, theirs]) => ({
  example: `${JSON.stringify(expression)} for ${name} with a base that ends in prod-`,
  pod: asks(name),
  namespace: { [ANNOTATION.namespacePermitted]: expression },
  settings: { ...RESTRICTED, baseRoleArn: base(PREFIX) },
  theirs,
}));

const FORBIDDEN = "SESSION_NAME_FORBIDDEN";

const pods: readonly Row[] = [
  {
    example: "no role",
    pod: {},
    namespace: { [ANNOTATION.namespacePermitted]: ".*" },
    settings: RESTRICTED,
    theirs: NONE,
  },
  {
    example: "an empty role",
    pod: asks(""),
    namespace: { [ANNOTATION.namespacePermitted]: ".*" },
    settings: RESTRICTED,
    theirs: NONE,
    ours: [REFUSED, "what the IAM grammar does not know is denied"],
  },
  { example: "no annotation on the namespace", pod: asks("red_role"), settings: RESTRICTED, theirs: REFUSED },
  {
    example: "no annotation on the namespace, in the default mode",
    pod: asks("red_role"),
    settings: { policy: "listed" },
    theirs: REFUSED,
    ours: [`${ACCOUNT}red_role`, "mode listed leaves it to the trust policy"],
  },
  {
    example: "an external id",
    pod: { ...asks("reportingdb-reader"), [ANNOTATION.externalId]: "dac7ad46-acab-4ec3-a78e-f3962ecf45d7" },
    namespace: { [ANNOTATION.namespacePermitted]: ".*" },
    asking: "externalId",
    theirs: "dac7ad46-acab-4ec3-a78e-f3962ecf45d7",
  },
  ...(
    [
      ["a session name", "my-session-name", FORBIDDEN],
      ["a session name that STS does not take", "my/session name", FORBIDDEN],
      [
        "a session name where pods may choose any",
        "my-session-name",
        "my-session-name",
        { sessionNames: "any" },
      ],
      [
        "one that STS does not take, where pods may choose any",
        "my/session name",
        "my-session-name",
        { sessionNames: "any" },
      ],
      ["no session name", undefined, "{namespace}.{pod}"],
    ] as const
  ).map(([example, name, ours, settings]): Row => ({
    example,
    pod: {
      ...asks("reportingdb-reader"),
      ...(name === undefined ? {} : { [ANNOTATION.peerSessionName]: name }),
    },
    namespace: { [ANNOTATION.namespacePermitted]: ".*" },
    ...(settings === undefined ? {} : { settings }),
    asking: "session",
    theirs: `kiam-${name === undefined ? "kiam" : "my-session-name"}`,
    ours: [
      ours,
      ours === FORBIDDEN
        ? "it could pass for another namespace's"
        : "a template, with no product's name before it",
    ],
  })),
];

export const KIAM = { permitted, "--role-base-arn": prefixed, "annotations of a pod": pods };
