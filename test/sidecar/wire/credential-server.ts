import { createHash } from "node:crypto";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { close, credentialServer, listen } from "../../../sidecar/wire/server.ts";
import { credentials } from "../../support/credentials.ts";

export const TOKEN = "the-token";

/** The port of a server that gives {@link TOKEN} credentials. Closed with the test. */
export async function listening(onAnswer?: (status: number) => void): Promise<number> {
  const server = credentialServer({
    identities: [
      {
        tokenSha256: createHash("sha256").update(TOKEN).digest(),
        credentials: async () => credentials(),
      },
    ],
    ...(onAnswer === undefined ? {} : { onAnswer }),
  });
  onTestFinished(() => close(server));
  return listen(server, 0);
}

/** What comes back for these bytes until the server closes the connection. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    let received = "";
    socket.setEncoding("latin1").on("data", (text: string) => (received += text));
    socket.once("close", () => resolve(received));
    socket.once("error", reject);
    socket.write(bytes);
  });
}
