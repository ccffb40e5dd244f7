import { once } from "node:events";
import { rmSync, writeFileSync, mkdtempSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { certificateAuthority, validFor, type KeyPair } from "../../injector/tls/certificates.ts";
import { clientCertificate } from "../support/client-certificate.ts";
import { pod } from "../support/pods.ts";
import { reviewText } from "../support/webhook.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { allowInjector, createNamespace, installCrd, podsOf } from "./setting.ts";
import { addInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

/** Tells an API server to show this certificate to webhooks, in the words of deploy/docs/operations.md. @returns its flag */
function admissionConfig(folder: string, { cert, key }: KeyPair): string {
  const user = { "client-certificate-data": btoa(cert), "client-key-data": btoa(key) };
  const files = {
    "webhooks.yaml": { apiVersion: "v1", kind: "Config", users: [{ name: "*", user }] },
    "admission.yaml": {
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AdmissionConfiguration",
      plugins: [
        {
          name: "MutatingAdmissionWebhook",
          configuration: {
            apiVersion: "apiserver.config.k8s.io/v1",
            kind: "WebhookAdmissionConfiguration",
            kubeConfigFile: join(folder, "webhooks.yaml"),
          },
        },
      ],
    },
  };
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), JSON.stringify(content), { mode: 0o600 });
  return `--admission-control-config-file=${join(folder, "admission.yaml")}`;
}

describe.skipIf(reason !== undefined)(
  `an injector with a client CA, behind a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "podrole-client-ca-"));
    let plane: ControlPlane | undefined;
    let injector: Omit<Serving, "plane"> | undefined;

    beforeAll(async () => {
      const clients = await certificateAuthority("clients", validFor(1, Date.now()));
      const flag = admissionConfig(folder, await clientCertificate(clients));
      plane = await openControlPlane(["nobody"], flag);
      await allowInjector(plane);
      await installCrd(plane);
      injector = await addInjector(plane, {}, { clientCa: clients.cert });
      await createNamespace(plane.admin, "shop");
    });
    afterAll(async () => {
      await injector?.close();
      await plane?.stop();
      rmSync(folder, { recursive: true });
    });

    test("answers an API server that shows a certificate by it", async () => {
      const made = await plane?.admin.create(podsOf("shop"), podObject("web", { [ANNOTATION.role]: ROLE }));
      expect(made?.spec.initContainers[0].name).toBe(CONTAINER.guard);
    });

    test("refuses the review that a pod posts", async () => {
      const sent = request({
        host: "127.0.0.1",
        port: injector?.port,
        path: "/mutate",
        method: "POST",
        rejectUnauthorized: false,
        headers: { "content-type": "application/json" },
      });
      sent.end(reviewText(JSON.stringify(pod())));
      const [response] = await once(sent, "response");
      expect(response.statusCode).toBe(401);
      expect(JSON.parse(await text(response))).toMatchObject({ code: "CLIENT_UNKNOWN" });
    });

    test("refuses an API server whose certificate is by another CA, so that its pods are not made", async () => {
      const other = await certificateAuthority("others", validFor(1, Date.now()));
      injector?.useClientCa(other.cert);
      const refused = await plane?.admin.request("POST", podsOf("shop"), podObject("late", {}));
      expect(refused?.status).toBe(500);
      expect(refused?.body.message).toBe(
        'Internal error occurred: failed calling webhook "pods.podrole.dev": failed to call webhook: the server has asked for the client to provide credentials',
      );
    });
  },
);
