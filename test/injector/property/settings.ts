import * as fc from "fast-check";
import { admitPod, type PodOutcome } from "../../../injector/review/admit-pod.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";

const SETTINGS: Readonly<Record<string, InjectorConfig>> = {
  "as they come": config(),
  "without a guard": config({ guard: "off" }),
  "source node": config({ source: "node", policy: "off", region: "us-east-1" }),
  "source ambient, in audit": config({ source: "ambient", ambientSecret: "s", policy: "audit" }),
  emulating: config({ imds: "allow-emulate-v1", region: "eu-west-1" }),
  "a default role, and no wait": config({ defaultRole: BILLING, start: "now", region: "cn-north-1" }),
};

/** By name, so that a counterexample can be read. Some more often, since they let most pods in. */
export const settings = fc.constantFrom(...Object.keys(SETTINGS), "as they come", "emulating", "emulating");

const known = facts();

/** @param token the first that is made; those that follow differ from it in how they begin */
export function pass(object: unknown, name: string, token: string, around = known): PodOutcome {
  let made = 0;
  const newToken = (): string => (made++ === 0 ? token : `${made}${token.slice(String(made).length)}`);
  return admitPod(object, around, SETTINGS[name] ?? config(), newToken);
}

/** The pod that comes of it, or undefined where there is none. */
export function afterPass(...args: Parameters<typeof pass>): Pod | undefined {
  const outcome = pass(...args);
  return outcome.kind === "inject" ? outcome.after : undefined;
}

/** What an earlier pass did not write, so that a token that is made anew is found out. */
export const OTHER_TOKEN = "another-token-another-token-another-token-a";
