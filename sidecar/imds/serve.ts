import { randomBytes } from "node:crypto";
import { METADATA_ADDRESSES } from "../contract/metadata.ts";
import type { Clock } from "../kit/clock.ts";
import type { End } from "../kit/reach.ts";
import { imdsEndpoint } from "./endpoint.ts";
import { plainRequest } from "../kit/plain-request.ts";
import type { ImdsConfig } from "../config/config.ts";
import type { LeafDeps } from "./leaves.ts";
import { nodeLeaves } from "./node-leaves.ts";
import { listenImds, type ImdsListening } from "./server.ts";
import { tokensOf } from "./token.ts";

export interface ServeImdsDeps extends Pick<LeafDeps, "roleArn" | "credentials"> {
  readonly clock: Clock;
  readonly onAnswer: (status: number) => void;
  /** See own-connections.ts. */
  readonly onConnection: (from: End) => void;
}

const NODE_TIMEOUT_MS = 800;

/**
 * Puts the metadata endpoint together and listens.
 * @throws CodedError as {@link listenImds}
 */
export function serveImds(
  config: ImdsConfig,
  { roleArn, credentials, clock, onAnswer, onConnection }: ServeImdsDeps,
): Promise<ImdsListening> {
  const [address] = METADATA_ADDRESSES;
  const answer = imdsEndpoint({
    roleArn,
    credentials,
    facts: config.facts,
    knownSince: clock.now(),
    v1: config.v1,
    tokens: tokensOf(randomBytes(32), () => clock.now()),
    nodeLeaves: nodeLeaves(
      config.nodePaths,
      (question) => plainRequest({ ...question, address, port: 80, timeoutMs: NODE_TIMEOUT_MS }),
      clock,
    ),
  });
  return listenImds({ answer, onAnswer, onConnection }, config.port);
}
