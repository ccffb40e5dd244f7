import { describe, expect, test } from "vitest";
import { controllerCommand, type ControllerOptions } from "../../../injector/controller/command.ts";

const parsed = (...args: readonly string[]): ControllerOptions =>
  controllerCommand()
    .configureOutput({ writeErr: () => {} })
    .parse(args, { from: "user" })
    .opts();

describe("the controller's options", () => {
  test("name by default the objects that podrole ships with", () => {
    expect(parsed()).toEqual({
      host: "::",
      port: 8080,
      logLevel: "info",
      certificates: true,
      tlsSecret: "podrole-injector-tls",
      caSecret: "podrole-controller-ca",
      service: "podrole-injector",
      webhookConfiguration: "podrole",
      tlsNames: [],
      configMap: "podrole-config",
      metadataPolicies: false,
      excludeNamespaces: [],
      brokerCertificates: false,
      brokerService: "podrole-broker",
      brokerSecret: "podrole-broker-tls",
      brokerCaSecret: "podrole-broker-ca",
      brokerNames: [],
    });
  });

  test("accept more names for the certificate, with addresses in one notation", () => {
    expect(parsed("--tls-names=10.0.0.1, x.example,FD00:0::1").tlsNames).toEqual([
      "10.0.0.1",
      "x.example",
      "fd00::1",
    ]);
  });

  test("can leave certificates to another tool", () => {
    expect(parsed("--no-certificates").certificates).toBe(false);
  });

  test("can have it keep NetworkPolicies, and not in certain namespaces", () => {
    const options = parsed("--metadata-policies", "--exclude-namespaces=istio-system, b");
    expect(options).toMatchObject({ metadataPolicies: true, excludeNamespaces: ["istio-system", "b"] });
  });

  test.for([
    "--exclude-namespaces=a/b",
    "--webhook-configuration=A",
    "--config-map=a/b",
    "--tls-secret=../secrets",
    "--tls-names=a b",
    "--tls-names=fd00:1",
    "--port=0",
  ])("refuse %s", (arg) => {
    expect(() => parsed(arg)).toThrow(/^error: option/);
  });
});
