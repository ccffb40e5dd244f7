import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test, type TestContext } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { sidecar, type Child } from "../support/child.ts";
import { http } from "../support/http.ts";
import { ended, readiness, sidecarPod, termination, TOKEN, type SidecarPod } from "../support/sidecar-pod.ts";
import { until } from "../support/until.ts";

/**
 * What stands at the metadata service's address. `hop limit 1`: only answers that need no token arrive. `open`: a token for whoever asks.
 * `v1`: credentials without a token. `slow token`: a token after three seconds, longer than the first look lasts. `slow`: nothing is answered.
 */
type Manner = "hop limit 1" | "open" | "v1" | "slow token" | "slow";

const [UNAUTHORIZED, OK] = ["401 Unauthorized", "200 OK"];
const ANSWERS: Readonly<Record<Manner, { readonly PUT?: string; readonly GET?: string }>> = {
  "hop limit 1": { GET: UNAUTHORIZED },
  open: { PUT: OK, GET: UNAUTHORIZED },
  v1: { GET: OK },
  "slow token": { PUT: OK, GET: UNAUTHORIZED },
  slow: {},
};
const SECRET = "a-secret-of-the-node";

/** A metadata service at port 80 of an address of the loopback, which changes its manner while it runs. */
async function metadataService({ skip }: TestContext, host: string, manner: Manner) {
  const sockets = new Set<Socket>();
  const service = { manner };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
    socket.once("data", (request) => {
      const method = request.toString("latin1").startsWith("PUT ") ? "PUT" : "GET";
      const status = ANSWERS[service.manner][method];
      const answer = (): void => {
        if (!socket.destroyed) {
          socket.end(`HTTP/1.1 ${status}\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`);
        }
      };
      if (status !== undefined)
        setTimeout(answer, service.manner === "slow token" && method === "PUT" ? 3000 : 0);
    });
  });
  const open = async (): Promise<void> => void (await once(server.listen({ host, port: 80 }), "listening"));
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  await open().catch(() => skip("port 80 of the loopback cannot be listened on here"));
  onTestFinished(close);
  return Object.assign(service, { open, close });
}

const verifying = (host: string, over: Env = {}): Promise<SidecarPod> =>
  sidecarPod({ [ENV.guard]: "verify", [ENV.blockedAddresses]: host, ...over });

const asked = ({ port }: SidecarPod) => http(port, "/v1/credentials", { authorization: TOKEN });
const said = (child: Child, message: string): boolean => child.output().includes(`"msg":"${message}"`);

describe("in mode verify, the sidecar", () => {
  test("calls STS while it proves a hop limit of 1, and the app starts when both are done", async (context) => {
    await metadataService(context, "127.0.0.80", "hop limit 1");
    const made = await verifying("127.0.0.80");
    const begun = performance.now();
    const serving = sidecar(["serve"], made.env);
    const waiting = sidecar(["wait"], made.env);
    await until("a session", () => (made.sts.issued.length > 0 ? true : undefined));
    expect((await http(made.healthPort, "/readyz")).body).toBe("GUARD_NOT_VERIFIED\n");
    await ended(waiting, 0);
    expect(performance.now() - begun).toBeGreaterThan(2000);
    expect(await asked(made)).toMatchObject({ status: 200 });
    serving.kill("SIGTERM");
    expect(await ended(serving, 0)).not.toContain(SECRET);
  });

  test("is ready without a wait where the address refuses", async () => {
    const made = await verifying("127.0.0.81");
    const serving = sidecar(["serve"], made.env);
    await until("a session", () => (said(serving, "credentials held") ? true : undefined));
    expect(await asked(made)).toMatchObject({ status: 200 });
  });

  test("does not start where a token can be had, and hook, log and termination message say how to close the address", async (context) => {
    await metadataService(context, "127.0.0.82", "open");
    const made = await verifying("127.0.0.82", { [ENV.startTimeoutSeconds]: "4" });
    const serving = sidecar(["serve"], made.env);
    const waiting = sidecar(["wait"], made.env);
    await readiness(made, "METADATA_REACHABLE");
    expect(await asked(made)).toMatchObject({ status: 503, body: expect.stringContaining("hop-limit 1") });
    const words = await ended(waiting, 1);
    const log = await ended(serving, 1);
    const message = await termination(made);
    expect(words).toBe(`${message}\n`);
    expect(message).toMatch(
      /^METADATA_REACHABLE: [^:]*: 127\.0\.0\.82 port 80 answered PUT \/latest\/api\/token with 200\. /,
    );
    expect(message).toMatch(/aws ec2 modify-instance-metadata-options .*NetworkPolicy.*privileged/);
    expect(message).not.toContain("NET_ADMIN");
    expect(log).toContain('"address":"127.0.0.82"');
    expect(log + words).not.toContain(SECRET);
  });

  test("serves once a slow service, of which nothing is proven, is cut off", async (context) => {
    const service = await metadataService(context, "127.0.0.83", "slow");
    const made = await verifying("127.0.0.83", { [ENV.start]: "now" });
    const serving = sidecar(["serve"], made.env);
    await readiness(made, "METADATA_UNPROVEN");
    expect(await asked(made)).toMatchObject({
      status: 503,
      body: expect.stringContaining("METADATA_UNPROVEN"),
    });
    service.close();
    await readiness(made);
    expect(said(serving, "metadata service out of reach")).toBe(true);
  });

  test("stops serving within a minute after the address has opened, and serves again when it is closed", async (context) => {
    const service = await metadataService(context, "127.0.0.84", "hop limit 1");
    // Open from the start, but slower than the first look is patient.
    const slow = await metadataService(context, "127.0.0.85", "slow token");
    const [made, beside] = [await verifying("127.0.0.84"), await verifying("127.0.0.85")];
    const [serving, besides] = [sidecar(["serve"], made.env), sidecar(["serve"], beside.env)];
    await Promise.all([readiness(made), readiness(beside)]);
    service.manner = "v1";
    const told = "metadata service reachable, credentials withheld";
    const isFound = (child: Child): Promise<true> =>
      until("the next check", () => (said(child, told) ? true : undefined), 80_000);
    await isFound(serving);
    expect(await asked(made)).toMatchObject({
      status: 503,
      body: expect.stringMatching(/METADATA_REACHABLE.*answered GET .*with 200/),
    });
    expect((await http(made.healthPort, "/metrics")).body).toContain("podrole_imds_reachable 1\n");
    service.manner = "hop limit 1";
    await isFound(besides);
    slow.manner = "hop limit 1";
    await Promise.all([readiness(made), readiness(beside)]);
    expect(await asked(made)).toMatchObject({ status: 200 });
    expect(serving.output() + besides.output()).not.toContain(SECRET);
  });
});
