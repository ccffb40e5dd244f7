import { describe, expect, test } from "vitest";
import {
  ACCOUNT,
  codesOf,
  migrate,
  namespace,
  object,
  report,
  verdicts,
  workload,
  type Json,
} from "./rig.ts";

const BASE = `--base-role-arn=${ACCOUNT}`;
const RESTRICTED = `${BASE} --namespace-restrictions`;
const POD = workload("Pod", { name: "a" }, "vault");
const SHOP = namespace("shop", { "iam.amazonaws.com/allowed-roles": '["till"]' });
const daemon = (image: string, container: Json): Json =>
  object(
    "DaemonSet",
    { name: "tool", namespace: "iam" },
    {
      spec: {
        template: { spec: { hostNetwork: true, containers: [{ name: "tool", image, ...container }] } },
      },
    },
  );
const kube2iam = (container: Json): readonly Json[] => [daemon("jtblin/kube2iam", container), SHOP, POD];

describe("podrole migrate refuses to guess the flags of a tool that it cannot read", () => {
  test.for([
    [{ command: ["/bin/sh", "-c"], args: [`exec kube2iam ${RESTRICTED}`] }, "a shell runs it"],
    [{ command: ["bash", "-ec", `kube2iam ${RESTRICTED}`] }, "a shell runs it"],
    [{ command: ["/sbin/tini", "--", "sh", "-c", `kube2iam ${RESTRICTED}`] }, "a shell runs it"],
    [{ args: ["-c", `kube2iam ${RESTRICTED}`] }, "a shell runs it"],
    [{ args: [`kube2iam ${RESTRICTED}`] }, `"kube2iam ${RESTRICTED}" among its arguments is no flag`],
    [{ command: ["/sbin/tini", "/run.sh", BASE] }, '"/run.sh" among its arguments is no flag'],
    [{ command: ["/start"] }, '"/start" runs it, without a flag'],
    [
      { args: [BASE, "--namespace-restrictions=$(RESTRICT)"] },
      "--namespace-restrictions has a variable that the manifest does not hold",
    ],
  ] as const)("as of kube2iam by %j", async ([container, why]) => {
    expect(await migrate("kube2iam", kube2iam(container))).toEqual({
      code: 2,
      stdout: "",
      stderr: `TOOL_UNREADABLE: The flags of DaemonSet iam/tool cannot be read: ${why}. Which roles pods have now depends on them: give them by --tool-args.\n`,
    });
    const given = await report("kube2iam", kube2iam(container), "--tool-args", RESTRICTED);
    expect(verdicts(given).at(-1)).toBe("Pod shop/a: refused ROLE_NOT_ALLOWED");
    expect(given.grants).toEqual([]);
  });

  test.for([
    ["kiam", "quay.io/uswitch/kiam:v4"],
    ["irsa", "amazon/amazon-eks-pod-identity-webhook"],
  ] as const)("as of %s", async ([from, image]) => {
    const tool = daemon(image, { command: ["sh", "-c", "exec server --role-base-arn=x"] });
    expect((await migrate(from, [tool, SHOP, POD])).stderr).toMatch(/^TOOL_UNREADABLE: .*a shell runs it/);
  });
});

describe("podrole migrate reads a tool's flags", () => {
  test.for([
    { args: [BASE, "--namespace-restrictions"] },
    { command: ["kube2iam", BASE], args: ["--namespace-restrictions", "true"] },
    { command: ["/sbin/tini", "--", "/bin/kube2iam", BASE, "--namespace-restrictions"] },
    { command: ["/our/build", BASE, "--namespace-restrictions", "--host-ip=$(HOST_IP)"] },
    // A switch that is not known here takes no flag for its value.
    { args: [BASE, "--new", "--namespace-restrictions"] },
  ])("as they are in %j", async (container) => {
    const found = await report("kube2iam", kube2iam(container));
    expect(verdicts(found).at(-1)).toBe("Pod shop/a: refused ROLE_NOT_ALLOWED");
    expect(codesOf(found)).not.toContain("TOOL_NOT_FOUND");
  });

  test("of kiam's agent and server, which older releases have as programs of their own", async () => {
    const server = daemon("kiam", { command: ["/server"], args: [`--role-base-arn=${ACCOUNT}`] });
    const agent = {
      ...daemon("kiam", { command: ["/agent"] }),
      metadata: { name: "agent", namespace: "iam" },
    };
    const found = await report("kiam", [server, agent, POD]);
    expect(codesOf(found)).not.toContain("TOOL_DIFFERS");
    expect(found.settings).toMatchObject({ baseRoleArn: ACCOUNT });
  });
});
