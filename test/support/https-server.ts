import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import { onTestFinished } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../injector/tls/certificates.ts";
import { listening } from "./listening.ts";

interface Wish {
  /** Default: 127.0.0.1. */
  readonly names?: readonly string[];
  /** From when on its certificate is valid, for a day. Default: now. */
  readonly from?: number;
  /** Default: one of its own. */
  readonly authority?: KeyPair;
}

/** A server on 127.0.0.1 over TLS, until the test ends, and the PEM of the CA of its certificate. */
export async function httpsServer(
  listener: RequestListener,
  { names = ["127.0.0.1"], from = Date.now(), authority }: Wish = {},
): Promise<{ readonly url: string; readonly ca: string }> {
  const signing = authority ?? (await certificateAuthority("test", validFor(1, Date.now())));
  const server = createServer(await servingCertificate(signing, names, validFor(1, from)), listener);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${await listening(server)}`, ca: signing.cert };
}
