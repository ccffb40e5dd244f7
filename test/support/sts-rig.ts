import { expect, onTestFinished } from "vitest";
import { stsStandIn, type StsStandIn, type StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import type { Source } from "../../sidecar/contract/session.ts";
import { parseEnv, type Env } from "../../sidecar/kit/env.ts";
import { oneLine, type CodedError } from "../../sidecar/kit/errors.ts";
import type { Proxy } from "../../sidecar/kit/tunnel.ts";
import { IDENTITY_SOURCES } from "../../sidecar/sources/sources.ts";
import { stsOver } from "../../sidecar/sts/assume-role.ts";
import type { Issue } from "../../sidecar/sts/chain.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import type { TimedStep } from "../../sidecar/kit/timed-steps.ts";
import { ROLE } from "./credentials.ts";
import { thrown } from "./thrown.ts";
import { tempFile } from "./temp-files.ts";

export const WEB_TOKEN = "header.payload-that-nobody-may-see.signature";
export const HUB = "arn:aws:iam::123456789012:role/path/hub";
/** The keys that the stand-in for STS knows. */
export const AMBIENT = { id: "AKIAAMBIENT", secret: "ambient-secret-key" };
export const AMBIENT_ENV = { AWS_ACCESS_KEY_ID: AMBIENT.id, AWS_SECRET_ACCESS_KEY: AMBIENT.secret };

interface Wish {
  /** Default: `web-identity`. */
  readonly source?: Source;
  /** Default: one step to ROLE, for an hour. */
  readonly steps?: readonly TimedStep[];
  /** Default: a file with WEB_TOKEN. */
  readonly tokenFile?: string;
  /** The sidecar's variables. */
  readonly env?: Env;
  /** Default: the stand-in's. */
  readonly endpoint?: string;
  /** On the way to it. Default: none. */
  readonly proxy?: Proxy;
}

export interface StsRig {
  readonly sts: StsStandIn;
  /** The function that the engine of one process calls repeatedly. */
  readonly issuer: (wish?: Wish) => Issue;
  readonly issue: (wish?: Wish) => Promise<Credentials>;
  /** The error of an attempt. It contains neither token nor key. */
  readonly failure: (wish?: Wish) => Promise<IssueError>;
  /** `Success` or the error code of each call. */
  readonly outcomes: string[];
  /** Sessions that are shorter than requested. */
  readonly notices: CodedError[];
}

/** A stand-in for STS during one test, and the sidecar's function that calls it. */
export async function stsRig(options: StsStandInOptions = {}): Promise<StsRig> {
  const sts = await stsStandIn({
    tokens: {
      [WEB_TOKEN]: { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" },
    },
    keys: { [AMBIENT.id]: "arn:aws:iam::123456789012:user/podrole" },
    ...options,
  });
  onTestFinished(() => sts.close());
  const [outcomes, notices]: [string[], CodedError[]] = [[], []];
  const region = "eu-west-1";
  const issuer = ({ source = "web-identity", endpoint = sts.url, proxy, ...wish }: Wish = {}): Issue => {
    const assumeRole = stsOver({
      region,
      endpoint,
      ca: undefined,
      proxy,
      now: Date.now,
      onCall: (code) => outcomes.push(code),
      onShortened: (notice) => notices.push(notice),
    });
    const { tokenFile = tempFile(`${WEB_TOKEN}\n`), steps = [{ roleArn: ROLE, durationSeconds: 3600 }] } =
      wish;
    const chain = { steps, sessionName: "billing.api-0", assumeRole };
    const own = IDENTITY_SOURCES[source];
    if (!own.callsSts) throw new Error(`source ${source} calls no STS`);
    return own.issuer(parseEnv({ [ENV.webIdentityTokenFile]: tokenFile, ...wish.env }, own.settings), chain);
  };
  const failure = async (wish: Wish = {}): Promise<IssueError> => {
    const error = await thrown(issuer(wish));
    if (!(error instanceof IssueError)) throw error;
    expect(oneLine(error)).not.toContain(WEB_TOKEN);
    expect(oneLine(error)).not.toContain(AMBIENT.secret);
    expect(error.cause).toBeUndefined();
    return error;
  };
  return { sts, issuer, issue: (wish) => issuer(wish)(), failure, outcomes, notices };
}
