import { once } from "node:events";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { createServer as createTlsServer } from "node:https";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { isSaid } from "../sdk/clients.ts";
import { API_SERVER_WORDS, CALLING, type Fault } from "./api-server-words.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { createNamespace, NAMESPACES, podsOf, shippedObject } from "./setting.ts";
import { podObject } from "./webhook.ts";

const reason = whyNot();
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const SERVICE_URL = "https://podrole-injector.podrole-system.svc:443/mutate?timeout=5s";
const NAME = "podrole-injector.podrole-system.svc";

describe.skipIf(reason !== undefined)(
  `the API server where it cannot call the injector${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let routing: ControlPlane;
    beforeAll(async () => {
      [plane, routing] = await Promise.all([
        openControlPlane(),
        openControlPlane(undefined, "--enable-aggregator-routing=true"),
      ]);
      for (const { admin } of [plane, routing]) await createNamespace(admin, "shop");
      await routing.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await routing.admin.create(`${NAMESPACES}/podrole-system/services`, await shippedObject("Service"));
      // Before Kubernetes 1.34, API servers read these, which a controller makes for every Service.
      await routing.admin.create(`${NAMESPACES}/podrole-system/endpoints`, {
        metadata: { name: "podrole-injector" },
      });
    }, 120_000);
    afterAll(() => Promise.all([plane?.stop(), routing?.stop()]));

    /** Each causes the fault and returns the webhook's `clientConfig`. */
    const FAULTS: Readonly<Record<Fault, () => Promise<object>>> = {
      "no replica is ready": async () => ({ url: `https://127.0.0.1:${await freePort()}/mutate` }),
      "no replica is ready, with endpoint routing": async () => ({}),
      "there is no Service": async () => ({}),
      "packets are dropped": async () => at(await listening(createTcpServer())),
      "another CA": async () => {
        const other = await certificateAuthority("another", validFor(1, Date.now()));
        return { ...at(await serving(["127.0.0.1"])), caBundle: btoa(other.cert) };
      },
      "another name": () => trusted(["podrole.example"], Date.now(), "localhost"),
      "an expired certificate": () => trusted(["127.0.0.1"], Date.now() - 90 * 86_400_000),
      "it hangs up": async () =>
        at(await listening(createTcpServer((socket) => void socket.once("data", () => socket.end())))),
    };

    test.for(API_SERVER_WORDS.map((words) => [words.fault, words] as const))(
      "reports the failure in the words of the troubleshooting page: %s",
      async ([fault, { says }]) => {
        const { admin } = fault.endsWith("endpoint routing") ? routing : plane;
        const shipped = await shippedObject("MutatingWebhookConfiguration");
        const config = await FAULTS[fault]();
        const name = `fault-${API_SERVER_WORDS.findIndex((one) => one.fault === fault)}`;
        await admin.create(WEBHOOKS, {
          metadata: { name },
          webhooks: shipped.webhooks
            .slice(0, 1)
            .map((webhook: object) => ({ ...webhook, ...("url" in config ? { clientConfig: config } : {}) })),
        });
        onTestFinished(async () => void (await admin.delete(`${WEBHOOKS}/${name}`)));
        const message = await refusalOf(admin);
        // There is no service network here, so most webhooks are called by address.
        const asByService = message
          .replace(/https:\/\/[\w.]+:\d+\/mutate\?timeout=5s/, SERVICE_URL)
          .replace(/, not localhost$/, `, not ${NAME}`);
        expect({ message, isSaid: isSaid(CALLING + says, asByService) }).toEqual({ message, isSaid: true });
      },
    );

    /** The API server calls a webhook only a moment after its registration. */
    async function refusalOf(admin: ControlPlane["admin"]): Promise<string> {
      for (let count = 0; count < 50; count++) {
        const { status, body } = await admin.request(
          "POST",
          `${podsOf("shop")}?dryRun=All`,
          podObject(`web-${count}`, {}),
        );
        if (status === 500) return body.message;
        expect(status).toBe(201);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error("no refusal");
    }
  },
);

const at = (port: number, host = "127.0.0.1"): { readonly url: string } => ({
  url: `https://${host}:${port}/mutate`,
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function serving(names: readonly string[]): Promise<number> {
  return (await certified(names, Date.now())).port;
}

async function trusted(names: readonly string[], since = Date.now(), host?: string): Promise<object> {
  const { port, ca } = await certified(names, since);
  return { ...at(port, host), caBundle: btoa(ca) };
}

async function certified(names: readonly string[], since: number): Promise<{ port: number; ca: string }> {
  const authority = await certificateAuthority("podrole test", validFor(365, Date.now() - 180 * 86_400_000));
  const { cert, key } = await servingCertificate(authority, names, validFor(1, since));
  const server = createTlsServer({ cert, key }, (_request, response) => void response.end());
  return { port: await listening(server), ca: authority.cert };
}
