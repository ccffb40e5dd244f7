import { LOOPBACK } from "../contract/pod.ts";
import type { End } from "../kit/reach.ts";
import { answering, close, lacksAddressFamily, listen } from "../wire/server.ts";
import type { WireAnswer, WireRequest } from "../wire/answers.ts";

export interface ImdsListening {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export interface ImdsServerDeps {
  readonly answer: (request: WireRequest) => Promise<WireAnswer>;
  readonly onAnswer?: (status: number) => void;
  /** Told the other end of every connection, of those too that are one too many. */
  readonly onConnection?: (from: End) => void;
}

const LOOPBACK_V6 = "::1";

/** Of a socket, or of what Node says in its place of one that it has not kept. */
interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * Puts the endpoint on both loopback addresses, where the guard redirects what goes to EC2's; on IPv4's alone where the
 * kernel has no IPv6.
 * @throws CodedError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function listenImds(
  { answer, onAnswer, onConnection = () => undefined }: ImdsServerDeps,
  port: number,
): Promise<ImdsListening> {
  const [v4, v6] = [answering(answer, onAnswer), answering(answer, onAnswer)];
  for (const server of [v4, v6]) {
    const tell = ({ remoteAddress: address, remotePort }: Ends = {}): void => {
      if (address !== undefined && remotePort !== undefined) onConnection({ address, port: remotePort });
    };
    server.on("connection", tell).on("drop", tell);
  }
  const listening = await listen(v4, port, LOOPBACK);
  try {
    await listen(v6, listening, LOOPBACK_V6);
  } catch (error) {
    if (!lacksAddressFamily(error)) {
      await close(v4);
      throw error;
    }
  }
  return { port: listening, close: async () => void (await Promise.all([close(v4), close(v6)])) };
}
