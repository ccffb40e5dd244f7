import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { FINDINGS, type Finding, type FindingCode, type Severity } from "../../../injector/model/findings.ts";
import { parseGrant } from "../../../injector/model/grant.ts";
import { isRecord, own } from "../../../injector/model/read.ts";
import { resultForReview } from "../../../injector/review/review.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import { admitted, app, injected, pod, FRESH } from "../../support/pods.ts";
import { RAISED_BY } from "../../support/raised-by.ts";
import { started } from "../../support/started.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";
import { thrown } from "../../support/thrown.ts";
import { post, postObject, reviewText } from "../../support/webhook.ts";
import type { Row } from "./row.ts";

const rowOf = ({ code, message, remedy }: Finding): Row => ({ says: `[${code}] ${message}`, todo: remedy });

/** The webhook's messages of a severity, produced by the webhook itself. */
export async function findingRows(severity: Severity): Promise<readonly Row[]> {
  const byPods = RAISED_BY.flatMap(([code, ...args]) =>
    admitted(...args)
      .findings.filter((found) => found.code === code)
      .slice(0, 1),
  );
  const all = [...byPods, ...aboutOthers(), ...(await fromTheServer())];
  const first = new Map(all.map((found) => [found.code, found]));
  return (Object.keys(FINDINGS) as readonly FindingCode[])
    .filter((code) => FINDINGS[code].severity === severity)
    .flatMap((code) => first.get(code) ?? [])
    .map(rowOf);
}

/** Codes that only the admission policies raise. */
export const POLICY_ALONE: ReadonlySet<string> = new Set<FindingCode>([
  "GUARD_MISSING",
  "SETTINGS_INVALID",
  "SIDECAR_EXEC",
  "BLOCKED_ENDPOINT",
]);

/** About pods that run already and about workloads. */
function aboutOthers(): readonly Finding[] {
  const running = injected(pod());
  const { metadata, spec } = running;
  const annotations = { ...metadata?.annotations, [ANNOTATION.role]: "another" };
  const aimed = { name: "debugger", image: "busybox", targetContainerName: "podrole-sidecar" };
  const asSidecar = { ...aimed, targetContainerName: "app", securityContext: { runAsUser: SIDECAR_UID } };
  const update = { operation: "UPDATE", resource: { group: "", resource: "pods" }, oldObject: running };
  const small = (spec.initContainers ?? []).map((one) => ({
    ...one,
    resources: { limits: { memory: "6Mi" } },
  }));
  const template = { spec: { containers: [app], serviceAccountName: "billing" } };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: { template },
  };
  return [
    { ...update, object: { ...running, metadata: { ...metadata, annotations } } },
    ...[aimed, asSidecar].map((one) => ({
      ...update,
      subResource: "ephemeralcontainers",
      object: { ...running, spec: { ...spec, ephemeralContainers: [one] } },
      oldObject: started(running),
    })),
    {
      ...update,
      subResource: "ephemeralcontainers",
      object: { ...running, spec: { ...spec, ephemeralContainers: [{ name: "debugger" }] } },
    },
    { ...update, subResource: "resize", object: { ...running, spec: { ...spec, initContainers: small } } },
    { operation: "CREATE", resource: { group: "apps", resource: "deployments" }, object: deployment },
  ].flatMap((request) => {
    const body = {
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: { uid: "u", namespace: "shop", ...request },
    };
    return resultForReview(parseReview(body), facts(), config(), FRESH).findings;
  });
}

/** What keeps the server from deciding, as it answers to it. */
async function fromTheServer(): Promise<readonly Finding[]> {
  const grant = await thrown(() => parseGrant({ metadata: { name: "billing" }, spec: { roles: "*" } }));
  const answers = await Promise.all(
    [grant, new Error("x")].map((error) =>
      postObject(pod(), { cluster: { facts: () => Promise.reject(error) } }),
    ),
  );
  const heavy = await post(reviewText(`[${"{},".repeat(1_000_000)}{}]`));
  return [...answers, heavy].map(({ response }) => {
    const [, code = "", message = "", remedy = ""] =
      /^\[(\w+)\] (.+?\.) (.+)$/.exec(response.status?.message ?? "") ?? [];
    return { code: code as FindingCode, severity: "deny", message, remedy };
  });
}

/** The admission policy's words, from install.yaml: each sentence, and the last of it as what to do. */
export function policyRows(): readonly Row[] {
  const text = readFileSync(new URL("../../../deploy/install.yaml", import.meta.url), "utf8");
  const policies = parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((object) => isRecord(object) && own(object, "kind") === "ValidatingAdmissionPolicy");
  // The policies of new and of running pods have many in common.
  const sentences = policies.flatMap((policy) => sentencesOf((policy as { spec: Spec }).spec));
  return [...new Set(sentences)].map((words) => {
    const [, says = words, todo = ""] = /^(.+?[^.]\.) (.+)$/s.exec(words) ?? [];
    return { says, todo };
  });
}

interface Spec {
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly { readonly message?: string; readonly messageExpression?: string }[];
}

/** The messages of a policy. Where a variable has the sentences of several rules, each of them. */
const sentencesOf = ({ variables = [], validations }: Spec): readonly string[] =>
  validations.flatMap(({ message, messageExpression = "" }) => {
    if (message !== undefined) return [message];
    const several = variables.find(({ name }) => messageExpression === `variables.${name}`);
    if (several === undefined) return [spelledOut(messageExpression)];
    return [...several.expression.matchAll(/'\[[A-Z_]+\] [^]*?\.'(?=\)\s*\+|\)\)\[0\])/g)].map(([one]) =>
      spelledOut(one),
    );
  });

/** CEL that puts a sentence together: its texts, and `…` for what is filled in; of two alternatives the second. */
const spelledOut = (expression: string): string =>
  expression
    .replaceAll(/\(variables\.\w+ \? '(?:[^'\\]|\\.)*' : ('(?:[^'\\]|\\.)*')\)/g, "$1")
    .replaceAll(/names\.join\(', '\)/g, "'…'")
    .split(/' \+\s*'/)
    .join("")
    .replace(/^\s*'/, "")
    .replace(/'\s*$/, "")
    .replaceAll("\\'", "'");
