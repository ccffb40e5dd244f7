import type { FastifyInstance, FastifyRequest } from "fastify";

/** What bodies may take of the server's memory. Bytes and counts. */
export interface BodyLimits {
  /** The longest of all. */
  readonly maxBytes: number;
  /** What any number of connections may send at once. Most reviews of a pod are shorter. */
  readonly smallBytes: number;
  /** How many longer ones are read at once. The others wait for their turn, and are not read meanwhile. */
  readonly largeAtOnce: number;
}

export const BODY_LIMITS: BodyLimits = {
  // A review holds objects of up to 3 MiB, two of them on UPDATE; Fastify's own limit of 1 MiB would refuse it.
  maxBytes: 8 * 1024 * 1024,
  smallBytes: 64 * 1024,
  largeAtOnce: 6,
};

/**
 * Keeps a flood of long bodies from taking all memory: without it, forty connections of a single pod end a server with
 * 320 MiB. Nobody is refused, since an API server would take that for a failure of the webhook.
 */
export function limitBodies(app: FastifyInstance, { smallBytes, largeAtOnce }: BodyLimits): void {
  const turns = turnstile(largeAtOnce);
  app.addHook("onRequest", async (request, { raw }) => {
    if (bytesOf(request) <= smallBytes) return;
    const turn = turns(request.raw.socket.remoteAddress ?? "");
    // Its client may be gone already, and is not told of again.
    if (raw.closed) turn.end();
    else raw.once("close", turn.end);
    await turn.come;
  });
}

interface Turn {
  /** Resolves when it is this one's turn, and never for one that has ended before. */
  readonly come: Promise<void>;
  readonly end: () => void;
}

interface Waiting {
  readonly address: string;
  readonly go: () => void;
}

/** Lets so many in at once, half of them of one address at most; the next is of whoever has fewest inside. */
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

/** What a request says of its body's length; one that does not say may be of any. */
const bytesOf = ({ headers }: FastifyRequest): number =>
  headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : Infinity;
