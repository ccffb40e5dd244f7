import { getCACertificates } from "node:tls";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { parseBaseRoleArn, type BaseRoleArn } from "../model/arn.ts";
import type { InjectorConfig } from "./installation.ts";

/** STS answers in some 100 ms; the SDK tries three times. */
const TIMEOUT_MS = 10_000;

type StsSettings = Pick<InjectorConfig, "region" | "stsEndpoint" | "stsFips" | "stsDualStack" | "stsCa">;

/**
 * The base ARN of the account that the injector itself is in, as STS tells it: `baseRoleArn: auto`. Roles with a path
 * still need theirs in the annotation.
 * @throws CodedError `BASE_ROLE_UNKNOWN` where STS cannot be asked: without it, every role given by name would be refused
 */
export async function discoverBaseRoleArn(config: StsSettings): Promise<BaseRoleArn> {
  const { region, stsEndpoint, stsFips, stsDualStack, stsCa } = config;
  // Loaded here only: the SDK takes 4 MiB of every injector's memory.
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient({
    region: region ?? "us-east-1",
    useFipsEndpoint: stsFips,
    useDualstackEndpoint: stsDualStack,
    ...(stsEndpoint === undefined ? {} : { endpoint: stsEndpoint }),
    ...(stsCa === undefined
      ? {}
      : { requestHandler: { httpsAgent: { ca: [...getCACertificates("default"), stsCa] } } }),
  });
  try {
    const { Arn = "" } = await client.send(new GetCallerIdentityCommand(), {
      abortSignal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return baseOf(Arn);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const why = error instanceof Error ? error.name : "unknown error";
    throw unknown(`The injector could not ask STS for its own identity (${why})`, error);
  } finally {
    client.destroy();
  }
}

/** `arn:aws:sts::111122223333:assumed-role/node/i-1` is of the account whose roles begin `arn:aws:iam::111122223333:role/`. */
export function baseOf(callerArn: string): BaseRoleArn {
  const [, partition = "", account = ""] = /^arn:([a-z-]+):(?:sts|iam)::(\d{12}):/.exec(callerArn) ?? [];
  const base = parseBaseRoleArn(`arn:${partition}:iam::${account}:role/`);
  if (base === undefined) throw unknown("STS named an identity without an account");
  return base;
}

const unknown = (what: string, cause?: unknown): CodedError =>
  new CodedError("BASE_ROLE_UNKNOWN", `${what}, so baseRoleArn auto finds no base ARN.`, {
    remedy: "Give the injector an AWS identity, or set baseRoleArn to the base ARN itself.",
    cause,
  });
