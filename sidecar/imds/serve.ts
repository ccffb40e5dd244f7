import { randomBytes } from "node:crypto";
import { METADATA_ADDRESSES } from "../contract/metadata.ts";
import type { Clock } from "../kit/clock.ts";
import type { End } from "../kit/reach.ts";
import { imdsEndpoint } from "./answer.ts";
import { ask } from "./ask.ts";
import type { ImdsConfig } from "../config/config.ts";
import type { LeafDeps } from "./leaves.ts";
import { nodeLeaves } from "./node-facts.ts";
import { listenImds, type ImdsListening } from "./server.ts";
import { tokensOf } from "./token.ts";

export interface ServeImdsDeps extends Pick<LeafDeps, "roleArn" | "credentials"> {
  readonly clock: Clock;
  readonly onAnswer: (status: number) => void;
  /** See own.ts. */
  readonly onConnection: (from: End) => void;
}

const NODE_TIMEOUT_MS = 800;

/**
 * The metadata endpoint, put together and listening.
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
      (question) => ask({ ...question, address, port: 80, timeoutMs: NODE_TIMEOUT_MS }),
      clock,
    ),
  });
  return listenImds({ answer, onAnswer, onConnection }, config.port);
}
