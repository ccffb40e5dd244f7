import { describe, expect, test } from "vitest";
import { CommanderError } from "commander";
import { START_MODES } from "../../../sidecar/contract/env.ts";
import { SOURCES } from "../../../sidecar/contract/session.ts";
import { GUARD_MODES, POLICY_MODES } from "../../../injector/config/installation.ts";
import { parseBaseRoleArn, parseRoleArn } from "../../../injector/model/arn.ts";
import { configFromFlags } from "../../support/config.ts";
import { thrown } from "../../support/thrown.ts";

const ROLE = "arn:aws:iam::111122223333:role/a";

/** What Commander says of flags that it does not take. */
function complaint(...flags: readonly string[]): string {
  try {
    configFromFlags(...flags);
  } catch (error) {
    if (error instanceof CommanderError) return error.message;
    throw error;
  }
  return "taken";
}

test("the defaults are what design.md says, each of its type", () => {
  expect(configFromFlags()).toEqual({
    image: expect.stringMatching(/^podrole\/sidecar:\d/) as string,
    imagePullPolicy: "IfNotPresent",
    source: "web-identity",
    sourceOverrides: [],
    policy: undefined,
    guard: "block",
    hostNetwork: "deny",
    egressHook: "prefer",
    guardNetRaw: false,
    hostPath: "deny",
    workloads: "warn",
    keys: {},
    baseRoleArn: undefined,
    defaultRole: undefined,
    hubRole: undefined,
    allowedRolesFormat: "glob",
    region: undefined,
    stsEndpoint: undefined,
    stsFips: false,
    stsDualStack: false,
    stsCa: undefined,
    sessionName: "{namespace}.{pod}",
    sessionDurationSeconds: 3600,
    sessionTags: true,
    transitiveSessionTags: true,
    clusterName: undefined,
    ambientSecret: undefined,
    blockedAddresses: ["169.254.169.254", "fd00:ec2::254"],
    imds: "block",
    imdsPort: 16927,
    imdsFacts: [],
    imdsNodePaths: [],
    start: "wait",
    startTimeoutSeconds: 120,
    credentialsPort: 16925,
    healthPort: 16926,
    sidecarLogLevel: "info",
    version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
  });
  expect(Object.isFrozen(configFromFlags())).toBe(true);
});

test.for([
  [["--image", "r/x@sha256:0"], { image: "r/x@sha256:0" }],
  [["--source", "node"], { source: "node" }],
  [["--source", "ambient", "--ambient-secret", "s"], { source: "ambient", ambientSecret: "s" }],
  [["--source-override", "node, web-identity"], { sourceOverrides: ["node", "web-identity"] }],
  [["--policy", "audit"], { policy: "audit" }],
  [["--guard", "off"], { guard: "off" }],
  [["--host-network", "warn"], { hostNetwork: "warn" }],
  [["--host-path", "warn"], { hostPath: "warn" }],
  [["--workloads", "deny"], { workloads: "deny" }],
  [
    ["--base-role-arn", "arn:aws-cn:iam::111122223333:role"],
    { baseRoleArn: "arn:aws-cn:iam::111122223333:role/" },
  ],
  [["--default-role", ROLE, "--hub-role", ROLE], { defaultRole: ROLE, hubRole: ROLE }],
  [["--allowed-roles-format", "regexp"], { allowedRolesFormat: "regexp" }],
  [["--region", "us-gov-west-1"], { region: "us-gov-west-1" }],
  [["--sts-endpoint", "https://vpce.example/"], { stsEndpoint: "https://vpce.example/" }],
  [["--sts-fips", "--sts-dual-stack"], { stsFips: true, stsDualStack: true }],
  [["--session-duration", "1h30m"], { sessionDurationSeconds: 5400 }],
  [["--session-name", "{podUid}"], { sessionName: "{podUid}" }],
  [["--no-session-tags"], { sessionTags: false }],
  [["--no-transitive-session-tags"], { sessionTags: true, transitiveSessionTags: false }],
  [
    ["--block", "169.254.169.254, 100.100.100.200"],
    { blockedAddresses: ["169.254.169.254", "100.100.100.200"] },
  ],
  [
    ["--block", "169.254.170.2,169.254.170.23,FD00:EC2:0::23"],
    { blockedAddresses: ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"] },
  ],
  [["--egress-hook", "require"], { egressHook: "require" }],
  [["--guard-net-raw"], { guardNetRaw: true }],
  [["--imds", "allow-emulate", "--imds-port", "81"], { imds: "allow-emulate", imdsPort: 81 }],
  [["--imds", "allow-emulate-v1"], { imds: "allow-emulate-v1" }],
  [
    [
      "--imds-facts",
      "instanceType=m7g.large, availabilityZone=label:shop.example/zone,instanceId=i-0123456789abcdef0",
    ],
    {
      imdsFacts: [
        { fact: "instanceType", value: "m7g.large" },
        { fact: "availabilityZone", label: "shop.example/zone" },
        { fact: "instanceId", value: "i-0123456789abcdef0" },
      ],
    },
  ],
  [
    ["--source", "node", "--imds-node-paths", "meta-data/instance-id, meta-data/instance-type"],
    { imdsNodePaths: ["meta-data/instance-id", "meta-data/instance-type"] },
  ],
  [["--start", "now", "--start-timeout", "5"], { start: "now", startTimeoutSeconds: 5 }],
  [["--credentials-port", "1", "--health-port", "65535"], { credentialsPort: 1, healthPort: 65_535 }],
] as const)("%j is taken", ([flags, expected]) => {
  expect(configFromFlags(...flags)).toMatchObject(expected);
});

describe("a bad value gives a sentence that names the option and says what it is to be", () => {
  test.for([
    ["--image-pull-policy", "always"],
    ["--source", "instance"],
    ["--source-override", "node,"],
    ["--source-override", ""],
    ["--policy", "strict"],
    ["--guard", "on"],
    ["--host-network", "allow"],
    ["--base-role-arn", "role/"],
    ["--default-role", "billing"],
    ["--default-role", `${ROLE}\n`],
    ["--hub-role", ""],
    ["--allowed-roles-format", "regex"],
    ["--region", "europe"],
    ["--region", "eu-west-1.evil.example"],
    ["--sts-endpoint", "sts.amazonaws.com"],
    ["--sts-endpoint", "file:///etc/passwd"],
    ["--sts-endpoint", "https://user:pw@sts.example"],
    ["--session-name", "a b"],
    ["--session-name", "{pod_name}"],
    ["--session-name", ""],
    ["--session-duration", "10m"],
    ["--session-duration", "soon"],
    ["--block", "metadata"],
    ["--block", ""],
    ["--block", "169.254.169.254,"],
    ["--block", "127.0.0.1"],
    ["--block", "::1"],
    ["--block", "::ffff:127.0.0.1"],
    ["--block", "169.254.169.254,169.254.169.253"],
    ["--block", "fd00:ec2::253"],
    ["--block", "169.254.169.123"],
    ["--egress-hook", "off"],
    ["--imds", "emulate"],
    ["--imds-port", "0"],
    ["--imds-facts", ""],
    ["--imds-facts", "instanceType"],
    ["--imds-facts", "instanceType="],
    ["--imds-facts", "instanceType=a b"],
    ["--imds-facts", "instanceType=$(POD_IP)"],
    ["--imds-facts", "instanceId=node-7"],
    ["--imds-facts", "instanceType=label:"],
    ["--imds-facts", "instanceType=label:a']['b"],
    ["--imds-facts", "instanceType=a,instanceType=b"],
    ["--imds-facts", "localIpv4=10.0.0.1"],
    ["--imds-facts", "userData=x"],
    ["--imds-facts", "__proto__=x"],
    ["--imds-node-paths", ""],
    ["--imds-node-paths", "user-data"],
    ["--imds-node-paths", "meta-data/instance-id,meta-data/iam/security-credentials/node"],
    ["--start", "later"],
    ["--start-timeout", "4"],
    ["--start-timeout", "1e3"],
    ["--credentials-port", "0"],
    ["--credentials-port", "65536"],
    ["--health-port", "80a"],
    ["--sidecar-log-level", "loud"],
  ])("%s %j", ([option = "", value = ""]) => {
    const said = complaint(option, value);
    expect(said).toContain(`${option} <`);
    expect(said).toMatch(/is invalid\. (?:It|Allowed choices are) .+\.$/);
  });
});

test.for([
  ["two ports that are one", ["--credentials-port", "5000", "--health-port", "5000"]],
  ["an endpoint of its own and FIPS", ["--sts-endpoint", "https://sts.example", "--sts-fips"]],
  ["an endpoint of its own and dual-stack", ["--sts-endpoint", "https://sts.example", "--sts-dual-stack"]],
  ["the emulated service's port and the credentials'", ["--imds-port", "16925"]],
  ["the emulated service's port and that of health", ["--imds-port", "5000", "--health-port", "5000"]],
  ["emulation and an address that is not blocked", ["--imds", "allow-emulate", "--block", "169.254.169.254"]],
  ["source ambient without a Secret", ["--source", "ambient"]],
  ["an override to ambient without a Secret", ["--source-override", "ambient"]],
] as const)("%s do not go together, and one sentence says so", async ([, flags]) => {
  const error = await thrown(() => configFromFlags(...flags));
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toMatch(/^--.+\.$/);
});

test("what the options give is of the domain's types", () => {
  const { baseRoleArn, defaultRole, policy, guard, source, start } = configFromFlags(
    "--base-role-arn=arn:aws:iam::111122223333:role/",
    `--default-role=${ROLE}`,
    "--policy=off",
  );
  expect(parseBaseRoleArn(baseRoleArn ?? "")).toBe(baseRoleArn);
  expect(parseRoleArn(defaultRole ?? "")).toBe(defaultRole);
  expect(POLICY_MODES).toContain(policy);
  expect(GUARD_MODES).toContain(guard);
  expect(SOURCES).toContain(source);
  expect(START_MODES).toContain(start);
});
