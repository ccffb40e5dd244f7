import { expect, test } from "vitest";
import {
  ACCOUNT,
  codesOf,
  ISSUED,
  kube2iamTool,
  migrate,
  namespace,
  object,
  report,
  roles,
  workload,
  type Json,
  type ReportJson,
} from "./rig.ts";

const NODES_ROLE = `${ACCOUNT}nodes`;
const PRINCIPAL = ["--principal", NODES_ROLE];
const OVERRIDE = ["--source-override", "node", "--guard", "block"];

/** A namespace, of its own source if one is given, with a pod that has the role `of-NAME`. */
const place = (name: string, source?: string): readonly Json[] => [
  namespace(name, source === undefined ? {} : { "podrole.dev/source": source }),
  workload("Pod", { name: "web", namespace: name }, `of-${name}`, { securityContext: { runAsUser: 1000 } }),
];
/** A pod whose service account names a role, as for IRSA. */
const irsaIn = (name: string, role: string): readonly Json[] => [
  object(
    "ServiceAccount",
    { name: "irsa", namespace: name },
    { metadata: { annotations: { "eks.amazonaws.com/role-arn": ACCOUNT + role } } },
  ),
  workload("Pod", { name: "irsa", namespace: name }, undefined, { serviceAccountName: "irsa" }),
];

/** Whom each role is to trust. */
const principals = ({ policies }: ReportJson): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    policies
      .filter(({ policy }) => policy.Statement.some((one) => "Principal" in one))
      .map(({ of, policy }) => [of.replace(ACCOUNT, ""), policy.Statement.map((one) => one["Principal"])]),
  );
const FEDERATED = [{ Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.example/cluster" }];

test.for([
  ["a", "b"],
  ["b", "a"],
] as const)(
  "podrole migrate lets each role trust whom its source needs (web-identity in namespace %s, node in %s)",
  async ([web, node]) => {
    const objects = [kube2iamTool(), ...place(web), ...place(node, "node")];
    const found = await report("kube2iam", objects, ...OVERRIDE, ...ISSUED, ...PRINCIPAL);
    expect(principals(found)).toEqual({
      [`of-${web}`]: FEDERATED,
      [`of-${node}`]: [{ AWS: NODES_ROLE }],
    });
    for (const [given, missing] of [
      [PRINCIPAL, "There are no trust policies: the cluster's OIDC issuer is not in the manifests."],
      [ISSUED, "There are no trust policies: Source node needs to know whom roles have to trust."],
    ] as const) {
      const { policies, notes } = await report("kube2iam", objects, ...OVERRIDE, ...given);
      expect(policies).toEqual([]);
      expect(notes).toContainEqual(
        expect.objectContaining({ code: "TRUST_UNKNOWN", message: expect.stringContaining(missing) }),
      );
    }
  },
);

test.for([
  ["a", "b"],
  ["b", "a"],
] as const)(
  "podrole migrate gives no role the broker's principal for the node's (broker in namespace %s, node in %s)",
  async ([broker, node]) => {
    const objects = [kube2iamTool(), ...place(broker), ...place(node, "node")];
    const args = ["--source", "broker", ...OVERRIDE];
    const { code, stdout, stderr } = await migrate("kube2iam", objects, ...args, ...PRINCIPAL);
    expect([code, stdout, stderr]).toEqual([
      2,
      "",
      expect.stringMatching(/^USAGE: Sources .* start as different roles or users.* -n /s),
    ]);
    const without = await report("kube2iam", objects, ...args);
    expect([without.policies, codesOf(without)]).toEqual([[], expect.arrayContaining(["TRUST_UNKNOWN"])]);
    const identity = ["--principal", `${ACCOUNT}broker`, "--broker-identity", "node"];
    const ofBroker = await report("kube2iam", objects, ...args, ...identity, "-n", broker);
    expect(principals(ofBroker)[`of-${broker}`]).toContainEqual({ AWS: `${ACCOUNT}broker` });
    const ofNode = await report("kube2iam", objects, ...args, ...PRINCIPAL, "-n", node);
    expect(principals(ofNode)).toEqual({ [`of-${node}`]: [{ AWS: NODES_ROLE }] });
  },
);

test("podrole migrate writes the policies although a role of another source is withheld", async () => {
  // kube2iam alone reads that pod's annotation.
  const objects = [...irsaIn("shop", "web"), ...place("evil", "node")];
  const trusting = { Effect: "Allow", Principal: FEDERATED[0], Action: "sts:AssumeRoleWithWebIdentity" };
  const known = roles(["web", [trusting]], ["of-evil", []]);
  const base = ["--base-role-arn", ACCOUNT];
  for (const [args, more] of [
    [OVERRIDE, []],
    [
      ["--source", "broker", ...OVERRIDE],
      ["--principal", `${ACCOUNT}broker`, "--broker-identity", "node"],
    ],
  ] as const) {
    const found = await report("irsa", objects, ...base, ...args, ...more, ...ISSUED, "--roles", known);
    expect(Object.keys(principals(found))).toContain("web");
    expect(Object.keys(principals(found))).not.toContain("of-evil");
    expect(codesOf(found)).not.toContain("TRUST_UNKNOWN");
    expect(found.notes).toContainEqual(
      expect.objectContaining({
        code: "TRUST_WITHHELD",
        message: expect.stringContaining("evil/default ask for"),
      }),
    );
  }
});

test.for([["web-identity"], ["node"]] as const)(
  "podrole migrate takes an issuer beside the broker, by which it judges IRSA, whatever the files hold (%s)",
  async ([identity]) => {
    const broker = ["--source", "broker", "--principal", `${ACCOUNT}broker`, "--broker-identity", identity];
    for (const more of [[], irsaIn("evil", "payments")]) {
      const objects = [kube2iamTool(), ...place("shop"), ...more];
      const found = await report("kube2iam", objects, ...broker, ...ISSUED);
      expect(principals(found)["of-shop"]).toContainEqual({ AWS: `${ACCOUNT}broker` });
    }
  },
);

test.for([
  ["a user's keys", ["--principal", "arn:aws:iam::111122223333:user/broker"], true],
  ["nobody has said whose", [], false],
] as const)(
  "podrole migrate takes it where the broker has an identity of its own: %s",
  async ([, args, isWritten]) => {
    const objects = [kube2iamTool(), ...place("shop"), ...irsaIn("evil", "payments")];
    const found = await report("kube2iam", objects, "--source", "broker", ...args, ...ISSUED);
    expect("of-shop" in principals(found)).toBe(isWritten);
    expect(codesOf(found).includes("TRUST_UNKNOWN")).toBe(!isWritten);
  },
);
