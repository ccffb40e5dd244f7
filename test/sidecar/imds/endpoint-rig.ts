import { imdsEndpoint, type ImdsDeps } from "../../../sidecar/imds/endpoint.ts";
import { tokensOf } from "../../../sidecar/imds/token.ts";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import type { WireAnswer, WireRequest } from "../../../sidecar/kit/http-message.ts";
import { credentials, ROLE } from "../../support/credentials.ts";

/** A metadata endpoint without a socket, at a fixed time. */

export const NOW = Date.UTC(2026, 10, 21, 12);
export const tokens = tokensOf(Buffer.alloc(32, 7), () => NOW);
export const TOKEN = tokens.issue(60);
export const HOST = "169.254.169.254";

export const deps: ImdsDeps = {
  roleArn: ROLE,
  credentials: async () => credentials(),
  knownSince: NOW,
  facts: {
    region: "eu-west-1",
    availabilityZone: "eu-west-1a",
    instanceId: "i-0123456789abcdef0",
    instanceType: "m7g.large",
    localIpv4: "10.1.2.3",
  },
  nodeLeaves: new Map(),
  tokens,
  v1: "denied",
};

export const send = (over: Partial<WireRequest>, overDeps: Partial<ImdsDeps> = {}): Promise<WireAnswer> =>
  imdsEndpoint({ ...deps, ...overDeps })({ method: "GET", path: "/", headers: { host: HOST }, ...over });

/** With a token, as an SDK of today asks. */
export const get = (path: string, overDeps: Partial<ImdsDeps> = {}): Promise<WireAnswer> =>
  send({ path, headers: { host: HOST, "x-aws-ec2-metadata-token": TOKEN } }, overDeps);

export const put = (headers: WireRequest["headers"], path = "/latest/api/token"): Promise<WireAnswer> =>
  send({ method: "PUT", path, headers: { host: HOST, ...headers } });

export const failing = (error: Error): Partial<ImdsDeps> => ({
  credentials: (): Promise<Credentials> => Promise.reject(error),
});
