import { LOOPBACK } from "../contract.ts";
import { answering, close, lacksAddressFamily, listen } from "../server.ts";
import type { WireAnswer, WireRequest } from "../wire.ts";

export interface ImdsListening {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export interface ImdsServerDeps {
  readonly answer: (request: WireRequest) => Promise<WireAnswer>;
  readonly onAnswer?: (status: number) => void;
}

const LOOPBACK_V6 = "::1";

/**
 * Puts the endpoint on both loopback addresses, where the guard redirects what goes to EC2's; on IPv4's alone where the
 * kernel has no IPv6.
 * @throws CodedError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function listenImds({ answer, onAnswer }: ImdsServerDeps, port: number): Promise<ImdsListening> {
  const v4 = answering(answer, onAnswer);
  const v6 = answering(answer, onAnswer);
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
