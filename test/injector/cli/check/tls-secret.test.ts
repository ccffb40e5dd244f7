import { expect, test } from "vitest";
import { tlsSecretIn } from "../../../../injector/cli/check/tls-secret.ts";
import type { Fields } from "../../../../injector/model/read.ts";
import { found } from "./healthy.ts";

const deployment = (args: readonly string[], secretName = "ours", mountPath = "/tls"): Fields => ({
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: "injector",
            args,
            volumeMounts: [
              { name: "ca", mountPath: "/ca" },
              { name: "tls", mountPath },
            ],
          },
        ],
        volumes: [
          { name: "ca", configMap: { name: "ca" } },
          { name: "tls", secret: { secretName } },
        ],
      },
    },
  },
});

test.for([
  ["the one that it keeps itself", ["--region=x", "--tls-secret=kept"], "kept"],
  ["the default where it keeps one and says no name", ["--tls=self-managed"], "podrole-injector-tls"],
  ["the one that its certificate is mounted from", ["--tls=files", "--tls-cert=/tls/tls.crt"], "ours"],
  ["the default where that is no Secret", ["--tls-cert=/ca/tls.crt"], "podrole-injector-tls"],
  ["the default where nothing is mounted there", ["--tls-cert=/else/tls.crt"], "podrole-injector-tls"],
  ["the default where an option is not one of this version", ["--tls=magic"], "podrole-injector-tls"],
] as const)("the Secret of the injector's certificate is %s", ([, args, secret]) => {
  expect(tlsSecretIn(found(deployment(args)))).toBe(secret);
});

test("the Secret of an injector without a Deployment is the default", () => {
  expect(tlsSecretIn({ kind: "absent" })).toBe("podrole-injector-tls");
  expect(tlsSecretIn(found({}))).toBe("podrole-injector-tls");
});
