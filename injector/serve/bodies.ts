import type { FastifyInstance, FastifyRequest } from "fastify";

/** How much of the server's memory request bodies may take. Bytes and counts. */
export interface BodyLimits {
  /** The longest body. */
  readonly maxBytes: number;
  /** Bodies up to this size are read on any number of connections. Most reviews of a pod are shorter. */
  readonly smallBytes: number;
  /** How many longer bodies are read at once. The others wait unread for their turn. */
  readonly largeAtOnce: number;
}

export const BODY_LIMITS: BodyLimits = {
  // A review holds objects of up to 3 MiB, two of them on UPDATE; Fastify's own limit of 1 MiB would refuse it.
  maxBytes: 8 * 1024 * 1024,
  smallBytes: 64 * 1024,
  largeAtOnce: 6,
};

/**
 * Keeps a flood of long bodies from taking all memory: without it, forty connections of one pod end a server with
 * 320 MiB. No request is refused: for an API server, that would be a failure of the webhook.
 */
export function limitBodies(app: FastifyInstance, { smallBytes, largeAtOnce }: BodyLimits): void {
  const turns = turnstile(largeAtOnce);
  app.addHook("onRequest", async (request, { raw }) => {
    if (bytesOf(request) <= smallBytes) return;
    const turn = turns(request.raw.socket.remoteAddress ?? "");
    // The client may be gone already; then there is no second event.
    if (raw.closed) turn.end();
    else raw.once("close", turn.end);
    await turn.come;
  });
}

interface Turn {
  /** Resolves when it is this request's turn; never, when the request ended before. */
  readonly come: Promise<void>;
  readonly end: () => void;
}

interface Waiting {
  readonly address: string;
  readonly go: () => void;
}

/** Lets a number in at once, at most half of them from one address. Next comes the address with the fewest inside. */
function turnstile(atOnce: number): (address: string) => Turn {
  const [waiting, inside] = [new Set<Waiting>(), new Set<Waiting>()];
  const heldBy = (address: string): number => [...inside].filter((one) => one.address === address).length;
  const next = (): Waiting | undefined => {
    let [best, held]: [Waiting | undefined, number] = [undefined, Math.ceil(atOnce / 2)];
    for (const one of waiting) {
      const count = heldBy(one.address);
      if (count < held) [best, held] = [one, count];
    }
    return best;
  };
  const admit = (): void => {
    for (let one = next(); one !== undefined && inside.size < atOnce; one = next()) {
      waiting.delete(one);
      inside.add(one);
      one.go();
    }
  };
  return (address) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const one: Waiting = { address, go: () => resolve() };
    waiting.add(one);
    admit();
    return {
      come: promise,
      end: () => {
        waiting.delete(one);
        if (inside.delete(one)) admit();
      },
    };
  };
}

/** The length that a request declares. Without one, the body may have any length. */
const bytesOf = ({ headers }: FastifyRequest): number =>
  headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : Infinity;
