import { check } from "../../../../injector/cli/check/checks.ts";
import type { CheckFacts } from "../../../../injector/cli/check/facts.ts";
import type { CheckCode } from "../../../../injector/cli/check/result.ts";
import type { Fields } from "../../../../injector/model/read.ts";
import { facts } from "../../../support/facts.ts";
import { found, healthy, shipped, webhookConfiguration, type Loose } from "./healthy.ts";

export const DAY_MS = 24 * 60 * 60 * 1000;
export const absent = { kind: "absent" } as const;
export const unread = {
  kind: "unread",
  why: "The API server refuses GET /x with HTTP 403: may not.",
} as const;

/** All results except ok. */
export const problems = (over: Partial<CheckFacts>) =>
  check(healthy(over)).filter(({ status }) => status !== "ok");
/** The results of one check. */
export const said = (code: CheckCode, over: Partial<CheckFacts>) =>
  check(healthy(over))
    .filter((one) => one.code === code)
    .map(({ status, message }) => `${status}: ${message}`);
export const deployment = (status: Fields, replicas = 2) => {
  const object = shipped("Deployment", "injector");
  object.spec.replicas = replicas;
  return found({ ...object, status });
};
/** The shipped webhook with a change. */
export const webhook = (change: (pods: Loose, all: Loose) => void) => {
  const object = webhookConfiguration();
  change(object.webhooks[0], object);
  return { webhooks: found([object]) };
};
/** The facts of a namespace with this name. */
export const named = (name: string, over: Parameters<typeof facts>[0] = {}) => {
  const one = facts(over);
  return { ...one, namespace: { ...one.namespace, name } };
};
