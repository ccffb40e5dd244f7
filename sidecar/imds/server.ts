import { LOOPBACK } from "../contract/pod.ts";
import { oneRequestServer } from "../kit/one-request.ts";
import type { End } from "../kit/reach.ts";
import { close, lacksAddressFamily, listen } from "../wire/server.ts";
import type { WireAnswer, WireRequest } from "../kit/http-message.ts";

export interface ImdsListening {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export interface ImdsServerDeps {
  readonly answer: (request: WireRequest) => Promise<WireAnswer>;
  readonly onAnswer?: (status: number) => void;
  /** Called with the other end of every connection, also of those that are turned away. */
  readonly onConnection?: (from: End) => void;
}

const LOOPBACK_V6 = "::1";

/** What Node tells of a socket, or of one that it has turned away. */
interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * Listens on both loopback addresses, where the guard redirects connections to EC2's; only on IPv4 if the kernel has no
 * IPv6.
 * @throws CodedError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function listenImds(
  { answer, onAnswer, onConnection = () => undefined }: ImdsServerDeps,
  port: number,
): Promise<ImdsListening> {
  const [v4, v6] = [oneRequestServer(answer, onAnswer), oneRequestServer(answer, onAnswer)];
  for (const server of [v4, v6]) {
    const note = ({ remoteAddress: address, remotePort }: Ends = {}): void => {
      if (address !== undefined && remotePort !== undefined) onConnection({ address, port: remotePort });
    };
    server.on("connection", note).on("drop", note);
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
