import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { admitPod, type PodOutcome } from "../../injector/review/admit-pod.ts";
import type { Facts } from "../../injector/model/facts.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import type { FindingCode } from "../../injector/model/findings.ts";
import type { Fresh } from "../../injector/mutate/fresh.ts";
import type { Container, Pod, PodSpec } from "../../injector/model/pod.ts";
import { config } from "./config.ts";
import { BILLING, facts } from "./facts.ts";
import { SIDECAR_UID } from "./sidecar-uid.ts";

/** 43 characters, as 32 random bytes are in base64url. */
export const TOKEN = "test-token-test-token-test-token-test-token";

/** What is made anew for each pod is always the same in tests. */
export const FRESH: Fresh = { token: () => TOKEN, uid: () => SIDECAR_UID };

export const app: Container = { name: "app", image: "shop/app:1" };

/** An ordinary pod with a role. */
export const pod = (
  spec: Partial<PodSpec> = {},
  annotations: Readonly<Record<string, string>> = { [ANNOTATION.role]: BILLING },
): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", annotations },
  spec: { containers: [app], ...spec },
});

/** A pod without a role, which gets only the guard. */
export const plainPod = (spec: Partial<PodSpec> = {}): Pod => pod(spec, {});

/** The pod with the fields of `over` in its only container. */
export const withApp = (over: Partial<Container>, one: Pod = pod()): Pod => ({
  ...one,
  spec: { ...one.spec, containers: [{ ...app, ...over }] },
});

export const admitted = (
  object: unknown,
  known: Facts = facts(),
  settings: InjectorConfig = config(),
  fresh: Fresh = FRESH,
): PodOutcome => admitPod(object, known, settings, fresh);

/** The injected pod. A test whose pod is not injected fails with the reasons. */
export function injected(...args: Parameters<typeof admitted>): Pod {
  const outcome = admitted(...args);
  if (outcome.kind !== "inject") throw new Error(`${outcome.kind}: ${JSON.stringify(outcome.findings)}`);
  return outcome.after;
}

export const codes = (...args: Parameters<typeof admitted>): readonly FindingCode[] =>
  admitted(...args).findings.map(({ code }) => code);

/** The codes of a denied pod; for an admitted pod, the kind of the decision. */
export function denials(...args: Parameters<typeof admitted>): readonly string[] {
  const { kind, findings } = admitted(...args);
  if (kind !== "deny") return [kind];
  return [...new Set(findings.filter(({ severity }) => severity === "deny").map(({ code }) => code))];
}

/**
 * The pod after the API server's round trip between two webhooks: Go omits empty fields, and the defaulter
 * sets fields that the manifest leaves open.
 */
export const throughApiServer = (one: Pod): Pod => JSON.parse(JSON.stringify(one, goReplacer)) as Pod;

function goReplacer(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const isEmpty = (entry: unknown): boolean => Array.isArray(entry) && entry.length === 0;
  // `omitempty`: the fields that are no pointers in Go and that podrole can write. The sources of a volume lack it.
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, entry]): [string, unknown] => [key, key === "sources" && isEmpty(entry) ? null : entry])
      .filter(([key, entry]) => !(key === "value" && entry === "") && !isEmpty(entry)),
  );
}

export const containerNamed = (one: Pod, name: string): Container => {
  const found = [...(one.spec.initContainers ?? []), ...one.spec.containers].find(
    (container) => container.name === name,
  );
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
};

/** The literal variables of a container, as in the manifest. */
export const envOf = (container: Container): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));

export const everyContainer = (one: Pod, change: (container: Container) => Container): Pod => ({
  ...one,
  spec: {
    ...one.spec,
    initContainers: (one.spec.initContainers ?? []).map(change),
    containers: one.spec.containers.map(change),
  },
});

/** The pod with other fields in its sidecar, as a manifest could bring it. */
export const withSidecar = (one: Pod, change: (container: Container) => Container): Pod =>
  everyContainer(one, (container) => (container.name === CONTAINER.sidecar ? change(container) : container));

export const withInit = (one: Pod, initContainers: readonly Container[]): Pod => ({
  ...one,
  spec: { ...one.spec, initContainers },
});
