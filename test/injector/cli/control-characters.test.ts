import { expect, test } from "vitest";
import { podrole } from "../../support/cli.ts";

/** Each line of the manifests holds a name that would write over a terminal, or a line of its own. */
const HOSTILE = "g\\e[2J\\r\\nfine: all\\u202E";
const RAW = /[^\P{Cc}\n]|\p{Bidi_Control}|^fine/mu;

const grant = (name: string): string => `apiVersion: podrole.dev/v1alpha1
kind: RoleGrant
metadata: {name: "${name}"}
spec: {role: x}
`;
const pod = `apiVersion: v1
kind: Pod
metadata: {name: "${HOSTILE}", annotations: {"podrole.dev/role.${HOSTILE}": x, "podrole.dev/role.app": "${HOSTILE}", "podrole.dev/${HOSTILE}": "1"}}
spec: {containers: [{name: app}, {name: "${HOSTILE}"}]}
`;

test.for([
  ["explain", pod],
  ["inject", pod],
  ["trust-policy", pod],
  ["explain", `${pod}---\n${grant(HOSTILE)}`],
] as const)(
  "no name of a manifest writes over the terminal, or a line of its own: podrole %s",
  async ([command, input]) => {
    const base = ["--base-role-arn", "arn:aws:iam::111122223333:role/"];
    const { stdout, stderr } = await podrole([command, "-f", "-", ...base], input);
    expect(stderr).not.toMatch(RAW);
    expect(stdout).not.toMatch(RAW);
    expect(stdout + stderr).toContain("g [2J");
  },
);
