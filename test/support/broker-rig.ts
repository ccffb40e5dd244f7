import { onTestFinished } from "vitest";
import type { BrokerIdentityType } from "../../injector/model/broker-identity.ts";
import { brokerSessions, type Sessions } from "../../injector/broker/sessions.ts";
import { stsStandIn, type StsStandIn, type StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { config } from "./config.ts";
import { logLines, type LogLine } from "./log-lines.ts";
import { AMBIENT, AMBIENT_ENV, WEB_TOKEN } from "./sts-rig.ts";
import { tempFile } from "./temp-files.ts";
import { handClock, type HandClock } from "./hand-clock.ts";

export const BROKER_ROLE = "arn:aws:iam::123456789012:role/podrole-broker";
export const BROKER_USER = "arn:aws:iam::123456789012:user/podrole";

interface Wish extends StsStandInOptions {
  /** Default: keys. */
  readonly identity?: BrokerIdentityType;
  /** Default: what the identity needs. */
  readonly env?: Env;
}

export interface BrokerRig {
  readonly sts: StsStandIn;
  readonly clock: HandClock;
  readonly sessions: Sessions;
  /** `Success` or the error code of each call to STS. */
  readonly outcomes: readonly string[];
  readonly lines: readonly LogLine[];
}

/** The broker's side towards STS, and a stand-in for STS, whose clocks the test advances. */
export async function brokerRig({ identity = "secret", env, ...options }: Wish = {}): Promise<BrokerRig> {
  const clock = handClock();
  const subject = "system:serviceaccount:podrole-system:podrole-broker";
  const sts = await stsStandIn({
    now: () => clock.now(),
    keys: { [AMBIENT.id]: BROKER_USER },
    tokens: { [WEB_TOKEN]: { subject, audience: "sts.amazonaws.com" } },
    ...options,
  });
  onTestFinished(() => sts.close());
  const outcomes: string[] = [];
  const { log, lines } = logLines();
  const sessions = brokerSessions({
    identity,
    env: env ?? defaultEnv(identity),
    config: () => config({ stsEndpoint: sts.url, region: "eu-west-1" }),
    callsPerSecond: 200,
    clock,
    random: () => 0.5,
    log,
    onCall: (code) => outcomes.push(code),
    onMade: () => undefined,
  });
  onTestFinished(() => sessions.stop());
  return { sts, clock, sessions, outcomes, lines };
}

function defaultEnv(identity: BrokerIdentityType): Env {
  switch (identity) {
    case "web-identity":
      return { AWS_ROLE_ARN: BROKER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: tempFile(`${WEB_TOKEN}\n`) };
    case "secret":
      return AMBIENT_ENV;
    case "node":
      return {};
  }
}
