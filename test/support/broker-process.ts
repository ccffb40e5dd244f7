import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { build } from "../../.ci/build.ts";
import { freePorts } from "../../injector/cli/demo/node/free-ports.ts";
import { stsStandIn, type StsStandIn } from "../../injector/cli/demo/aws/sts.ts";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../injector/tls/certificates.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { BROKER } from "../../sidecar/contract/broker.ts";
import { runChild, type Child } from "./child.ts";
import { BILLING } from "./facts.ts";
import { fakeApiServer, type FakeApiServer, type FakeObject } from "./fake-api-server.ts";
import { accepted, podToken } from "./pod-token.ts";
import { IMAGE_ENV } from "./image-env.ts";
import type { MemoryLimit } from "./memory-limit.ts";
import { tempFolder } from "./temp-files.ts";
import { until } from "./until.ts";

export const BROKER_ARN = "arn:aws:iam::111122223333:user/podrole-broker";
const KEY = { id: "AKIABROKER", secret: "the-secret-key-of-the-broker" };
const NAME = "podrole-broker.podrole-system.svc";
const NAMESPACE = "/api/v1/namespaces/podrole-system";
export const TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface BrokerProcess extends Child {
  readonly port: number;
  readonly api: FakeApiServer;
  readonly sts: StsStandIn;
  readonly ca: KeyPair;
  readonly lines: () => readonly Record<string, unknown>[];
  /** A pod of namespace `shop` that the webhook has made. @returns its token */
  readonly pod: (name: string) => string;
  /** Asks for the pod's role. @param from the client's address */
  readonly ask: (token: string, from?: string) => Promise<Answer>;
  readonly health: (path: string) => Promise<{ readonly status: number; readonly text: string }>;
  /** Puts another certificate into the Secret. */
  readonly renew: () => Promise<void>;
}

/**
 * Builds the broker and starts it with the image's variables, between a stand-in of the API server and one of STS. Resolves when it is
 * ready.
 */
export async function brokerProcess(
  args: readonly string[] = [],
  limit?: MemoryLimit,
): Promise<BrokerProcess> {
  const folder = tempFolder();
  const [api, ca] = [await fakeApiServer(), await certificateAuthority("broker", validFor(1, Date.now()))];
  const sts = await stsStandIn({ keys: { [KEY.id]: BROKER_ARN } });
  onTestFinished(() => sts.close());
  await build(folder, "broker");
  const renew = async (): Promise<void> => {
    const pair = await servingCertificate(ca, [NAME, "127.0.0.1"], validFor(1, Date.now()));
    const data = { "tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": ca.cert };
    api.put(`${NAMESPACE}/secrets`, {
      metadata: { name: "podrole-broker-tls" },
      data: Object.fromEntries(
        Object.entries(data).map(([key, pem]) => [key, Buffer.from(pem).toString("base64")]),
      ),
    });
  };
  await renew();
  api.put("/api/v1/namespaces", {
    metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } },
  });
  api.put(GRANTS, grantFor("shop"));
  api.put(`${NAMESPACE}/configmaps`, {
    // Settings that are old are taken at once.
    metadata: { name: "podrole-config", creationTimestamp: "2026-01-01T00:00:00Z" },
    data: {
      source: "broker",
      brokerUrl: "https://podrole-broker.podrole-system.svc",
      region: "eu-west-1",
      stsEndpoint: sts.url,
      baseRoleArn: "auto",
    },
  });
  api.answer(`POST ${TOKEN_REVIEWS}`, reviewed);
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, api.config.exportConfig());
  // Last, so that nobody else draws them meanwhile.
  const [port = 0, healthPort = 0] = await freePorts(2);
  const [first = process.execPath, ...words] =
    limit === undefined ? [] : [...limit.command, process.execPath];
  const child = runChild(
    first,
    [
      ...words,
      join(folder, "broker.mjs"),
      "--host=127.0.0.1",
      `--port=${port}`,
      `--health-port=${healthPort}`,
      `--kubeconfig=${kubeconfig}`,
      "--namespace=podrole-system",
      ...args,
    ],
    { PATH: process.env["PATH"], ...IMAGE_ENV, AWS_ACCESS_KEY_ID: KEY.id, AWS_SECRET_ACCESS_KEY: KEY.secret },
  );
  const health: BrokerProcess["health"] = async (path) => {
    const response = await fetch(`http://127.0.0.1:${healthPort}${path}`);
    return { status: response.status, text: await response.text() };
  };
  let ended = false;
  void child.exited.then(() => (ended = true));
  await until(
    "the broker",
    async () => {
      if (ended) throw new Error("it has ended");
      const ready = await health("/readyz").catch(() => undefined);
      return (ready?.status === 200 && child.output().includes("listening")) || undefined;
    },
    20_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${child.output()}`, { cause: error });
  });
  return {
    ...child,
    port,
    api,
    sts,
    ca,
    renew,
    health,
    lines: () =>
      child
        .output()
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    pod: (name) => {
      const status = JSON.stringify({ version: "1", role: BILLING, rule: "x", source: "broker" });
      const metadata = { name, uid: uidOf(name), annotations: { [ANNOTATION.status]: status } };
      api.put("/api/v1/namespaces/shop/pods", { metadata });
      return podToken({ pod: { name, uid: uidOf(name) } });
    },
    ask: (token, from = "127.0.0.1") => post({ port, ca, token, from }),
  };
}

export const grantFor = (namespace: string): FakeObject => ({
  metadata: { name: namespace },
  spec: { roles: [BILLING], namespaces: [namespace] },
});
export const withdrawGrant = ({ api }: BrokerProcess): void => api.remove(GRANTS, "shop");

const uidOf = (name: string): string => `uid-of-${name}`;

/** The API server accepts every token that names a pod of its. Forged ones name none. */
function reviewed({ spec }: FakeObject): object {
  const { token } = spec as { readonly token: string };
  const [, payload = ""] = token.split(".");
  const { "kubernetes.io": of } = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
    readonly "kubernetes.io": { readonly pod: { readonly name: string; readonly uid: string } };
  };
  const { name, uid } = of.pod;
  if (uid !== uidOf(name)) return { status: { authenticated: false, error: "forged" } };
  return accepted({}, { namespace: "shop", serviceAccount: "default", pod: name, podUid: uid });
}

const BODY = JSON.stringify({ identity: "pod", roleArn: BILLING });

function post({
  port,
  ca,
  token,
  from,
}: {
  readonly port: number;
  readonly ca: KeyPair;
  readonly token: string;
  readonly from: string;
}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path: BROKER.path,
        method: "POST",
        ca: ca.cert,
        localAddress: from,
        agent: new Agent(),
        timeout: 15_000,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(BODY),
        },
      },
      (response) => {
        void text(response).then(
          (body) =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: JSON.parse(body) as Answer["body"],
            }),
          reject,
        );
      },
    );
    sent.once("error", reject).once("timeout", () => sent.destroy(new Error("no answer")));
    sent.end(BODY);
  });
}
