import { request } from "node:https";
import { json as readJson } from "node:stream/consumers";
import jsonPatch from "fast-json-patch";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { createLog } from "../../../model/log.ts";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../tls/certificates.ts";
import type { Cluster } from "../../../model/facts.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import type { Operation } from "../../../mutate/patch.ts";
import { isRecord, own, strings, type Fields } from "../../../model/read.ts";
import { buildServer } from "../../../serve/server.ts";
import { random } from "../../../mutate/fresh.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Submitted } from "./pods.ts";

/** The name by which the API server calls a webhook that is a Service, and which its certificate must have. */
const SERVICE = "podrole-injector.podrole.svc";

/** What the webhook made of a pod. */
export type Answer =
  | { readonly kind: "denied"; readonly message: string; readonly warnings: readonly string[] }
  | {
      readonly kind: "admitted";
      readonly pod: Fields;
      readonly patch: readonly Operation[];
      readonly warnings: readonly string[];
    };

export interface Injector {
  readonly url: string;
  readonly review: (submitted: Submitted, uid: string) => Promise<Answer>;
}

/** A fresh certificate authority and a certificate for the webhook by it, ECDSA P-256, good for a day. */
export async function freshCertificates(): Promise<{ readonly ca: string; readonly serving: KeyPair }> {
  const validity = validFor(1, Date.now());
  const authority = await certificateAuthority("podrole demo CA", validity);
  return { ca: authority.cert, serving: await servingCertificate(authority, [SERVICE], validity) };
}

/** The real webhook server, over HTTPS on loopback, and a client that does with it what an API server does. */
export async function startInjector(
  config: InjectorConfig,
  cluster: Cluster,
  { ca, serving }: { readonly ca: string; readonly serving: KeyPair },
  cleanup: Cleanup,
): Promise<Injector> {
  const log = createLog("silent", "podrole");
  const app = buildServer({ config: () => config, cluster, log, fresh: random, tls: serving });
  // Fastify says "http", whatever server it is given.
  const url = (await app.listen({ host: "127.0.0.1", port: 0 })).replace(/^http:/, "https:");
  cleanup.add(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return {
    url,
    review: async (submitted, uid) => {
      const body = JSON.stringify(reviewOf(submitted, uid));
      return answerOf(await post(`${url}/mutate?timeout=5s`, body, ca), submitted.pod);
    },
  };
}

/** The AdmissionReview of a pod's creation, with the fields an API server sends. */
export const reviewOf = ({ pod, namespace, username }: Submitted, uid: string): Fields => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid,
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    requestKind: { group: "", version: "v1", kind: "Pod" },
    requestResource: { group: "", version: "v1", resource: "pods" },
    namespace,
    operation: "CREATE",
    userInfo: { username, groups: ["system:authenticated"] },
    object: pod,
    oldObject: null,
    dryRun: false,
    options: { apiVersion: "meta.k8s.io/v1", kind: "CreateOptions" },
  },
});

function post(url: string, body: string, ca: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  // The certificate is checked as the API server does it: this CA and no other, the Service's name, TLS 1.3.
  const call = request(url, {
    method: "POST",
    ca,
    servername: SERVICE,
    minVersion: "TLSv1.3",
    timeout: 5000,
    headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) },
  });
  call.once("error", reject);
  call.once("timeout", () => call.destroy(new Error("the webhook did not answer within 5 seconds")));
  call.once("response", (response) => {
    readJson(response).then(resolve, reject);
  });
  call.end(body);
  return promise;
}

/**
 * The webhook's answer, its patch applied to the pod.
 * @throws CodedError `DEMO_ANSWER_INVALID` for anything but an AdmissionReview with a response
 */
export function answerOf(review: unknown, pod: Fields): Answer {
  const response = isRecord(review) ? own(review, "response") : undefined;
  if (!isRecord(response)) {
    throw new CodedError("DEMO_ANSWER_INVALID", `The webhook answered ${JSON.stringify(review)}.`);
  }
  const warnings = strings(own(response, "warnings"));
  if (own(response, "allowed") !== true) {
    const status = own(response, "status");
    const message = isRecord(status) ? own(status, "message") : undefined;
    return { kind: "denied", message: String(message), warnings };
  }
  const encoded = own(response, "patch");
  const text = typeof encoded === "string" ? Buffer.from(encoded, "base64").toString() : "[]";
  // It comes from this process's own server.
  const patch = JSON.parse(text) as readonly Operation[];
  const { newDocument } = jsonPatch.applyPatch(structuredClone(pod), structuredClone([...patch]), true);
  return { kind: "admitted", pod: newDocument, patch, warnings };
}
