import * as fc from "fast-check";
import { admitPod, type PodOutcome } from "../../../injector/review/admit-pod.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { FRESH } from "../../support/pods.ts";

const SETTINGS: Readonly<Record<string, InjectorConfig>> = {
  "as they come": config(),
  "without a guard": config({ guard: "off" }),
  "a guard that verifies": config({ guard: "verify", guardContainer: "sidecar" }),
  "source node": config({ source: "node", policy: "off", region: "us-east-1" }),
  "source ambient, in audit, a token in a variable": config({
    source: "ambient",
    ambientSecret: "s",
    policy: "audit",
    token: "env",
  }),
  "guard and sidecar in one container": config({ guardContainer: "sidecar", imds: "allow-emulate-v1" }),
  "a token in a file": config({ token: "file" }),
  emulating: config({ imds: "allow-emulate-v1", region: "eu-west-1" }),
  "a default role, and no wait": config({ defaultRole: BILLING, start: "now", region: "cn-north-1" }),
};

/** Chosen by name, so that a counterexample is readable. Settings that admit most pods are chosen more often. */
export const settings = fc.constantFrom(
  ...Object.keys(SETTINGS),
  "as they come",
  ...Array<string>(3).fill("emulating"),
);

const known = facts();

/** @param token the first new token; later ones differ from it in their first characters */
export function pass(object: unknown, name: string, token: string, around = known): PodOutcome {
  let made = 0;
  const newToken = (): string => (made++ === 0 ? token : `${made}${token.slice(String(made).length)}`);
  return admitPod(object, around, SETTINGS[name] ?? config(), { ...FRESH, token: newToken });
}

/** The injected pod, or undefined when it is not injected. */
export function afterPass(...args: Parameters<typeof pass>): Pod | undefined {
  const outcome = pass(...args);
  return outcome.kind === "inject" ? outcome.after : undefined;
}

/** A token that no earlier pass wrote, so that the test notices a token that was made again. */
export const OTHER_TOKEN = "another-token-another-token-another-token-a";
