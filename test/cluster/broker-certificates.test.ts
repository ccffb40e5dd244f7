import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificates } from "../../injector/config/certificates-kind.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import { certificatesIn } from "../../injector/tls/pem.ts";
import { rendered, whyNoHelm } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { clientFor, type KubeClient, type KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { startController, type Program } from "./program.ts";
import { CONTROLLER, NAMESPACES } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const OWN = "podrole-system";
const SECRETS = `${NAMESPACES}/${OWN}/secrets`;
const SETTINGS = `${NAMESPACES}/${OWN}/configmaps/podrole-config`;
const HOST = `podrole-broker.${OWN}.svc`;
/** Another tool keeps the injector's certificates, so that the broker's are all that there is to do. */
const VALUES = { broker: { enabled: true, identity: { type: "node" } }, tls: { mode: "cert-manager" } };

describe.skipIf(reason !== undefined)(
  `the broker's CA and certificate at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let account: KubeConfig;
    let args: readonly string[];
    let asController: KubeClient;

    beforeAll(async () => {
      plane = await openControlPlane();
      const objects = rendered(VALUES).filter((one) => one !== null);
      await plane.admin.create(NAMESPACES, {
        metadata: { name: OWN, labels: { "kubernetes.io/metadata.name": OWN } },
      });
      const isNeeded = ({ kind, metadata }: KubeObject): boolean =>
        kind !== "Deployment" && [CONTROLLER, "podrole-config"].includes(metadata.name);
      for (const object of objects.filter(isNeeded)) await plane.admin.create(placeOf(object), object);
      const { spec } = objects.find(
        ({ kind, metadata }) => kind === "Deployment" && metadata.name === CONTROLLER,
      );
      const shipped: readonly string[] = spec.template.spec.containers[0].args;
      args = shipped.filter((arg) => !arg.startsWith("--port="));
      account = await plane.serviceAccount(OWN, CONTROLLER);
      asController = clientFor(account);
      await until(
        "the policy to be in force",
        async () =>
          (await created({ metadata: { name: "another" } })).includes("CONTROLLER_WRITE") || undefined,
      );
    });
    afterAll(() => plane?.stop());

    const created = async (object: object): Promise<string> => {
      const { status, body } = await asController.request("POST", `${SECRETS}?dryRun=All`, {
        type: "Opaque",
        ...object,
      });
      return `${status} ${body.message ?? ""}`;
    };
    const patched = async (data: object): Promise<string> => {
      const type = "application/merge-patch+json";
      const { status, body } = await asController.request("PATCH", `${SETTINGS}?dryRun=All`, { data }, type);
      return `${status} ${body.message ?? ""}`;
    };
    const brokerCa = async (): Promise<string> => (await plane.admin.get(SETTINGS)).data["brokerCa"] ?? "";
    /** Waits until there is a certificate, and brokerCa has so many CAs. */
    const kept = (cas: number): Promise<KubeObject> =>
      until(
        `${cas} CAs`,
        async () => {
          const { status, body } = await plane.admin.request("GET", `${SECRETS}/podrole-broker-tls`);
          return status === 200 && certificatesIn(await brokerCa()).length === cas ? body : undefined;
        },
        40_000,
      );

    test("are made by the controller as the chart starts it, and a client that trusts brokerCa accepts the broker", async () => {
      const program = await startController(account, args);
      const secret = await kept(1);
      await accepts(secret, await brokerCa());
      const ca = await plane.admin.get(`${SECRETS}/podrole-broker-ca`);
      expect(Object.keys(ca.data)).toEqual(["ca.crt", "ca.key"]);
      expect(Object.keys(secret.data)).toEqual(["ca.crt", "tls.crt", "tls.key"]);
      expect(await brokerCa()).toBe(certificates.parse(await brokerCa()));
      // The forms of pods that the policies accept follow the setting.
      await until("the accepted form", async () => {
        const { data } = await plane.admin.get(SETTINGS);
        return Object.entries(data).some(
          ([key, value]) => /^accepted\.\d\.brokerCa$/.test(key) && value === data.brokerCa,
        )
          ? true
          : undefined;
      });
      await metric(program, /^podrole_controller_broker_ca_lost_total 0$/m);
      await stop(program);
    });

    test("outlive a lost CA: its successor is published at once, and what is served stays", async () => {
      const before = await plane.admin.get(`${SECRETS}/podrole-broker-tls`);
      const old = await brokerCa();
      await plane.admin.delete(`${SECRETS}/podrole-broker-ca`);
      const program = await startController(account, args);
      const secret = await kept(2);
      expect(secret.data).toEqual(before.data);
      await accepts(secret, old);
      await accepts(secret, await brokerCa());
      await metric(program, /^podrole_controller_broker_ca_lost_total 1$/m);
      expect(program.output()).toContain("BROKER_CA_LOST");
      await stop(program);
    });

    test("are all that the controller may create or write", async () => {
      for (const name of ["podrole-broker-ca", "podrole-broker-tls"]) {
        await plane.admin.request("DELETE", `${SECRETS}/${name}`);
        expect(await created({ metadata: { name } })).toMatch(/^201/);
      }
      const type = "kubernetes.io/service-account-token";
      for (const object of [
        { metadata: { name: "podrole-injector-tls" } },
        { metadata: { name: "podrole-broker-keys" } },
        { metadata: { generateName: "podrole-broker-ca" } },
        {
          metadata: {
            name: "podrole-broker-ca",
            annotations: { "kubernetes.io/service-account.name": CONTROLLER },
          },
          type,
        },
      ]) {
        expect(await created(object)).toMatch(/^4\d\d .*\[CONTROLLER_WRITE\]/);
      }
      for (const name of ["podrole-injector-tls", "another"])
        expect((await asController.request("GET", `${SECRETS}/${name}`)).status).toBe(403);
      expect((await asController.request("GET", SECRETS)).status).toBe(403);
    });

    test("are no way to another setting, or to a brokerCa that is no certificate", async () => {
      const { cert } = await certificateAuthority("other", validFor(1, Date.now()));
      const pem = certificates.parse(cert);
      expect(await patched({ brokerCa: pem })).toMatch(/^200/);
      expect(await patched({ brokerCa: pem + pem, "accepted.0.brokerCa": pem })).toMatch(/^200/);
      for (const change of [
        { brokerCa: null },
        { brokerCa: "" },
        { brokerCa: `${pem}x` },
        { brokerCa: pem.replaceAll("CERTIFICATE", "PRIVATE KEY") },
        { brokerCa: pem, guard: "off" },
        { brokerUrl: "https://evil.example" },
        { brokerCA: pem },
      ]) {
        expect([change, await patched(change)]).toEqual([
          change,
          expect.stringMatching(/^4\d\d .*\[CONTROLLER_WRITE\]/) as string,
        ]);
      }
    });
  },
);

const metric = (program: Program, line: RegExp): Promise<unknown> =>
  until(String(line), async () => (line.test((await program.ask("/metrics")).body) ? true : undefined));

async function stop(program: Program): Promise<void> {
  program.kill("SIGTERM");
  expect(await program.exited).toBe(0);
  expect(program.output()).not.toMatch(/PRIVATE|LS0tLS1CRUdJTi/);
}

/** A handshake as a sidecar's, with a server that has the Secret's certificate. */
async function accepts({ data }: KubeObject, ca: string): Promise<void> {
  const [cert, key] = ["tls.crt", "tls.key"].map((name) => Buffer.from(data[name], "base64").toString());
  const server = createServer({ cert: cert ?? "", key: key ?? "" }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket: TLSSocket = connect({ host: "127.0.0.1", port, servername: HOST, ca });
  await once(socket, "secureConnect");
  expect(socket.authorized).toBe(true);
  socket.destroy();
  server.close();
}
