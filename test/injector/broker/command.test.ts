import { describe, expect, test } from "vitest";
import { brokerCommand, identityOf, type BrokerOptions } from "../../../injector/broker/command.ts";

const parsed = (...args: readonly string[]): BrokerOptions =>
  brokerCommand()
    .configureOutput({ writeErr: () => {} })
    .parse([...args], { from: "user" })
    .opts();

test("the defaults are those of the chart", () => {
  expect(parsed()).toMatchObject({
    host: "::",
    port: 8443,
    healthPort: 8080,
    configMap: "podrole-config",
    service: "podrole-broker",
    tlsSecret: "podrole-broker-tls",
    drainSeconds: 15,
    stsCallsPerSecond: 200,
    excludeNamespaces: [],
    logLevel: "info",
  });
});

test.for(["--identity=ambient", "--sts-calls-per-second=0", "--health-port=x", "--client-ca=x"])(
  "it refuses %s",
  (arg) => {
    expect(() => parsed(arg)).toThrow(/^error: /);
  },
);

describe("the identity", () => {
  const KEYS = { AWS_ACCESS_KEY_ID: "x" };

  test("is that of the option", () => {
    expect(identityOf(parsed("--identity=node"), KEYS)).toBe("node");
  });

  test("without the option is that of the variables, and never the node's", () => {
    expect(identityOf(parsed(), KEYS)).toBe("secret");
    expect(identityOf(parsed(), {})).toBe("web-identity");
  });
});
