import { describe, expect, test } from "vitest";
import { certificateWritten, settingsWritten } from "../../../../../injector/cli/demo/broker/installation.ts";

describe("the installation that the demo's broker finds", () => {
  test("has its settings in the ConfigMap that a broker reads", () => {
    expect(settingsWritten({ source: "broker" })).toMatchObject({
      put: {
        path: "/api/v1/namespaces/podrole-system/configmaps",
        object: { metadata: { name: "podrole-config" }, data: { source: "broker" } },
      },
    });
  });

  test("has its certificate in the Secret that a broker serves, in base64", () => {
    expect(certificateWritten({ "tls.crt": "PEM" })).toMatchObject({
      put: {
        path: "/api/v1/namespaces/podrole-system/secrets",
        object: { metadata: { name: "podrole-broker-tls" }, data: { "tls.crt": "UEVN" } },
      },
    });
  });
});
