import { Command } from "commander";
import { describe, expect, test } from "vitest";
import {
  BROKER_SERVICE,
  servingFrom,
  withServing,
  type ServingOptions,
} from "../../../injector/tls/options.ts";
import { thrown } from "../../support/thrown.ts";

function parsed(...args: readonly string[]): ServingOptions {
  const command = withServing(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  command.parse(args, { from: "user" });
  return servingFrom(command.opts());
}

describe("the serving options", () => {
  test("are by default the certificate in a Secret, TLS 1.3 and 15 s of drain", () => {
    expect(parsed()).toEqual({
      minVersion: "TLSv1.3",
      drainMs: 15_000,
      source: {
        mode: "self-managed",
        secret: "podrole-injector-tls",
        service: "podrole-injector",
        namespace: undefined,
      },
    });
  });

  test("use certificate files when they are given, with or without the mode", () => {
    const files = ["--tls-cert=a.crt", "--tls-key=a.key"];
    const source = { mode: "files", files: { cert: "a.crt", key: "a.key" } };
    expect(parsed(...files).source).toEqual(source);
    expect(parsed("--tls=files", ...files).source).toEqual(source);
  });

  test("accept names of objects", () => {
    const names = ["--tls-secret=a", "--service=b", "--namespace=c"];
    expect(parsed(...names, "--tls-min-version=1.2")).toMatchObject({
      minVersion: "TLSv1.2",
      source: { secret: "a", service: "b", namespace: "c" },
    });
  });

  test.for([
    ["a mode that lacks its files", ["--tls=files"]],
    ["half a pair", ["--tls-cert=a"]],
    ["the other half", ["--tls-key=a"]],
    ["files beside the Secret", ["--tls=self-managed", "--tls-cert=a", "--tls-key=b"]],
  ] as const)("refuse %s with a sentence", async ([, args]) => {
    expect((await thrown(() => parsed(...args))).code).toBe("CONFIG_INVALID");
  });

  test("of the broker are of its own Secret and Service, and know no client CA", () => {
    const command = withServing(new Command(), BROKER_SERVICE);
    expect(servingFrom(command.parse([], { from: "user" }).opts())).toMatchObject({
      source: { secret: "podrole-broker-tls", service: "podrole-broker" },
      clientCa: undefined,
    });
    expect(command.options.map(({ long }) => long)).not.toContain("--client-ca");
  });

  test.for([
    "--tls=vault",
    "--tls-min-version=1.1",
    "--drain-seconds=-1",
    "--drain-seconds=15s",
    "--drain-seconds=601",
    "--tls-secret=../secrets",
    "--namespace=a/b",
  ])("refuse %s", (arg) => {
    expect(() => parsed(arg)).toThrow(/^error: option/);
  });
});
