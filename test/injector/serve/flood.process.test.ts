import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { certificateAuthority, validFor } from "../../../injector/tls/certificates.ts";
import { fakeApiServer } from "../../support/fake-api-server.ts";
import { injectorProcess } from "../../support/injector-process.ts";
import { pod } from "../../support/pods.ts";
import { reviewText } from "../../support/webhook.ts";
import { flood } from "../../support/flood.ts";

/** What any pod that reaches the webhook's port can do to the injector. No client here has a certificate. */

const KIB_PER_MIB = 1024;
const REVIEW = reviewText(JSON.stringify(pod()));
const GET = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n";
const POST = `POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(REVIEW)}\r\n\r\n${REVIEW}`;

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / KIB_PER_MIB;
}

// Without the limit: 500 to 1,600 MiB, or the end of the injector.
test.skipIf(process.platform !== "linux").each([
  ["ask in the fewest bytes", "GET / HTTP/1.1\r\nHost:\r\n\r\n".repeat(5000)],
  ["ask whether it is ready", `${GET}\r\n`.repeat(2000)],
  ["expect something", `${GET}Expect: something\r\n\r\n`.repeat(2000)],
  ["ask for reviews", POST.repeat(200)],
])(
  "the injector needs little memory for 500 connections that %s without end and read nothing",
  async (_, bytes) => {
    const api = await fakeApiServer();
    const injector = await injectorProcess(api, await certificateAuthority("test", validFor(1, Date.now())));
    const before = await residentMiB(injector.pid);
    const open = () => connect({ host: "127.0.0.1", port: injector.port, rejectUnauthorized: false });
    flood(500, open, bytes);
    let most = 0;
    for (let look = 0; look < 40; look += 1) {
      await delay(100);
      most = Math.max(most, await residentMiB(injector.pid));
    }
    expect(most - before).toBeLessThan(200);
  },
  60_000,
);
