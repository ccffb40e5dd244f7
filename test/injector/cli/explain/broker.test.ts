import { describe, expect, test } from "vitest";
import { explain, type Explanation } from "../../../../injector/cli/explain/explanation.ts";
import { textOf } from "../../../../injector/cli/explain/text.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { podrole } from "../../../support/cli.ts";
import { config } from "../../../support/config.ts";
import { BILLING, facts, grant } from "../../../support/facts.ts";
import { fakeApiServer } from "../../../support/fake-api-server.ts";
import { injected, pod, throughApiServer } from "../../../support/pods.ts";
import { tempFile } from "../../../support/temp-files.ts";

const BROKER = {
  source: "broker",
  brokerUrl: "https://podrole-broker.podrole-system.svc",
  brokerCa: "(PEM)",
} as const;
const ALLOWED = facts({ grants: [grant("shop-roles", { roles: [BILLING], namespaces: ["shop"] })] });

/** A pod as the API server has it after the webhook of these settings. */
function running(settings: Parameters<typeof config>[0] = BROKER, known = ALLOWED): object {
  const one = throughApiServer(injected(pod(), known, config(settings)));
  return { ...one, metadata: { ...one.metadata, name: "web-0", uid: "u-1" } };
}

const live = (
  object: object,
  known = ALLOWED,
  settings: Parameters<typeof config>[0] = BROKER,
): Explanation => explain({ ...object }, known, config(settings), { where: "cluster", assumptions: [] });
const textFor = (one: Explanation): string => textOf([one], 96, (_, text) => text).replaceAll(/\s+/g, " ");

describe("podrole explain of a pod of source broker", () => {
  test("tells what the broker would answer now: the session, its name, and the rule that allows it", () => {
    const explanation = live(running());
    expect(explanation.broker).toEqual([
      {
        kind: "session",
        identity: "pod",
        role: BILLING,
        rule: "RoleGrant shop-roles",
        sessionName: "shop.web-0",
        durationSeconds: 3600,
        region: "us-east-1",
        sourceIdentity: "shop.default",
        isShared: false,
      },
    ]);
    expect(textFor(explanation)).toContain(
      `the broker would answer session pod a session of ${BILLING} for 3600 seconds, by STS of us-east-1; name shop.web-0; source identity shop.default; allowed by RoleGrant shop-roles`,
    );
  });

  test("tells the refusal with its rule after a grant was withdrawn, though the pod holds a session", () => {
    const withdrawn = facts({
      grants: [grant("no", { effect: "Deny", roles: ["*"], namespaces: ["shop"] })],
    });
    const explanation = live(running(), withdrawn);
    expect(explanation.broker).toMatchObject([{ kind: "refused", code: "ROLE_DENIED_BY_GRANT" }]);
    expect(textFor(explanation)).toMatch(
      /the broker would answer refused pod: ROLE_DENIED_BY_GRANT RoleGrant no denies .+ To do: /,
    );
  });

  test("goes by the role that the pod was created with, not by what its annotation became", () => {
    const known = facts({ grants: [grant("any", { roles: ["*"], namespaces: ["shop"] })] });
    const one = running(BROKER, known) as { metadata: { annotations: object } };
    const annotations = { ...one.metadata.annotations, [ANNOTATION.role]: `${BILLING}-2` };
    const explanation = live({ ...one, metadata: { ...one.metadata, annotations } }, known);
    expect(explanation.broker).toMatchObject([{ kind: "session", role: BILLING }]);
  });

  test("tells that a pod that the webhook did not make gets nothing", () => {
    expect(live({ ...pod(), metadata: { ...pod().metadata, name: "web-0" } }).broker).toMatchObject([
      { kind: "refused", code: "POD_NOT_INJECTED" },
    ]);
  });

  test("tells nothing of the broker for pods without a role, and for those created for another source", () => {
    const { annotations: _, ...metadata } = pod().metadata ?? {};
    expect(live({ ...pod(), metadata })).not.toHaveProperty("broker");
    expect(live(running({ source: "web-identity" }))).not.toHaveProperty("broker");
    expect(
      explain({ ...running() }, ALLOWED, config(BROKER), { where: "input", assumptions: [] }),
    ).not.toHaveProperty("broker");
  });

  test("says that the mode is always enforce, whatever the setting policy is", () => {
    const explanation = live(running(), ALLOWED, { ...BROKER, policy: "off" });
    expect(explanation.steps.find(({ id }) => id === "policy")?.because).toBe(
      "RoleGrant shop-roles; policy enforce, always with source broker",
    );
  });
});

test.each(["kube-system", "podrole-system"])(
  "podrole explain tells that the broker makes no session in %s, whatever the rules say",
  async (namespace) => {
    const server = await fakeApiServer();
    server.put("/api/v1/namespaces", {
      metadata: { name: namespace, labels: { "podrole.dev/inject": "enabled" } },
    });
    server.answer(`GET /api/v1/namespaces/${namespace}/pods/web-0`, running());
    server.answer("GET /api/v1/namespaces/podrole-system/configmaps/podrole-config", { data: BROKER });
    const kubeconfig = tempFile(server.config.exportConfig());
    const { stdout } = await podrole(["explain", "pod/web-0", "-n", namespace, "--kubeconfig", kubeconfig]);
    expect(stdout).toContain("refused  pod: NAMESPACE_EXCLUDED");
  },
);

test("podrole explain exits with 1 where the broker would refuse a pod's session", async () => {
  const server = await fakeApiServer();
  server.put("/api/v1/namespaces", {
    metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } },
  });
  server.answer("GET /api/v1/namespaces/shop/pods/web-0", running());
  const { brokerUrl } = BROKER;
  const data = { source: "web-identity", sourceOverride: "broker", brokerUrl };
  server.answer("GET /api/v1/namespaces/podrole-system/configmaps/podrole-config", { data });
  const kubeconfig = tempFile(server.config.exportConfig());
  const { code, stdout } = await podrole(["explain", "pod/web-0", "-n", "shop", "--kubeconfig", kubeconfig]);
  expect([code, stdout]).toEqual([1, expect.stringContaining("refused  pod: ROLE_NOT_ALLOWED")]);
});

test("podrole explain of manifests needs to know neither the broker's URL nor its CA, and says so", async () => {
  const manifest = `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: app}]}\n`;
  const { code, stdout } = await podrole(["explain", "--source", "broker", "-f", "-"], manifest);
  expect([code, stdout]).toEqual([0, expect.stringContaining("both are assumed to be set.")]);
});
