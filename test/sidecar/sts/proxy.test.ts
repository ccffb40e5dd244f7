import type { Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import type { Proxy } from "../../../sidecar/kit/tunnel.ts";
import { stsOver, type StsOptions } from "../../../sidecar/sts/assume-role.ts";
import { connectProxy } from "../../support/connect-proxy.ts";
import { ROLE } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import { setEnv } from "../../support/set-env.ts";
import { stsRig, WEB_TOKEN } from "../../support/sts-rig.ts";
import { thrown } from "../../support/thrown.ts";
import { tlsFront } from "../../support/tls-front.ts";

const PASSWORD = "p:ä ss%20\u0000";
const by = (origin: string, credentials?: string): Proxy => ({
  origin,
  credentials: credentials === undefined ? undefined : new Secret(credentials),
});

const call = (over: Partial<StsOptions>) =>
  stsOver({
    region: "eu-west-1",
    endpoint: "https://sts.eu-west-1.amazonaws.com",
    ca: undefined,
    proxy: undefined,
    now: Date.now,
    ...over,
  })({
    caller: { kind: "token", token: new Secret(WEB_TOKEN) },
    step: { roleArn: ROLE, durationSeconds: 3600 },
    sessionName: "billing.api-0",
  });

let company: KeyPair;
let stranger: KeyPair;
beforeAll(async () => {
  company = await certificateAuthority("company", validFor(1, Date.now()));
  stranger = await certificateAuthority("another", validFor(1, Date.now()));
});

/** STS behind TLS, by the name that AWS gives it: only the proxy knows where that is. */
async function stsOf(names: readonly string[] = ["sts.eu-west-1.amazonaws.com"]) {
  const { sts } = await stsRig();
  const front = await tlsFront(sts.url, company, names);
  return { sts, instead: new URL(front).host };
}

describe("with a proxy, a call to STS", () => {
  test("asks it for STS's host, and speaks TLS with STS itself", async () => {
    const { sts, instead } = await stsOf();
    const proxy = await connectProxy({ instead });
    expect(await call({ ca: company.cert, proxy: by(proxy.origin) })).toMatchObject({ roleArn: ROLE });
    expect(proxy.asked).toEqual([
      {
        to: "sts.eu-west-1.amazonaws.com:443",
        headers: { host: "sts.eu-west-1.amazonaws.com:443", connection: "close" },
      },
    ]);
    expect(sts.calls).toHaveLength(1);
  });

  test("goes through one that itself speaks TLS", async () => {
    const { instead } = await stsOf();
    const proxy = await connectProxy({ instead, authority: company });
    expect(await call({ ca: company.cert, proxy: by(proxy.origin) })).toMatchObject({ roleArn: ROLE });
  });

  test("tells it user and password, and STS neither", async () => {
    const { sts, instead } = await stsOf();
    const proxy = await connectProxy({ instead, credentials: `us er:${PASSWORD}` });
    const granted = await call({ ca: company.cert, proxy: by(proxy.origin, `us er:${PASSWORD}`) });
    expect(granted).toMatchObject({ roleArn: ROLE });
    expect(JSON.stringify(sts.calls)).not.toContain("us er");
  });

  test("reaches an endpoint with a port and without TLS, too", async () => {
    const rig = await stsRig();
    const proxy = await connectProxy();
    await rig.issue({ proxy: by(proxy.origin) });
    expect(proxy.asked.map(({ to }) => to)).toEqual([new URL(rig.sts.url).host]);
  });

  test("looks neither at variables of proxies nor of exemptions", async () => {
    setEnv({ NO_PROXY: "*", no_proxy: "*", HTTPS_PROXY: "http://127.0.0.1:9", NODE_USE_ENV_PROXY: "1" });
    const rig = await stsRig();
    const proxy = await connectProxy();
    await rig.issue({ proxy: by(proxy.origin) });
    expect(proxy.asked).toHaveLength(1);
  });
});

describe("TLS with STS through a proxy", () => {
  test.for([
    ["of an unknown CA", () => ({ ca: stranger.cert }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/, /stsCa/],
    ["of another name", () => ({ names: ["sts.example"] }), /ERR_TLS_CERT_ALTNAME_INVALID/, /stsEndpoint/],
  ] as const)("ends at a certificate %s", async ([, over, message, remedy]) => {
    const { ca = company.cert, names }: { ca?: string; names?: readonly string[] } = over();
    const { sts, instead } = await stsOf(names);
    const proxy = await connectProxy({ instead });
    const error = await thrown(() => call({ ca, proxy: by(proxy.origin) }));
    expect(error).toMatchObject({
      code: "STS_UNREACHABLE",
      kind: "passing",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
    expect(error.message).toContain(`through the proxy ${proxy.origin}`);
    expect(sts.calls).toEqual([]);
  });
});

/** What a proxy writes in answer to CONNECT. */
const writes =
  (text: string) =>
  (socket: Socket): boolean => {
    socket.end(text);
    return true;
  };
const OK = "HTTP/1.1 200 OK\r\n\r\n";

describe("a proxy fails:", () => {
  test.for([
    [
      "it wants credentials",
      writes("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n"),
      /HTTP 407/,
      /stsProxySecret/,
    ],
    ["it refuses the credentials", writes("HTTP/1.1 401 No\r\n\r\n"), /HTTP 401/, /stsProxySecret/],
    [
      "it forbids STS",
      writes("HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno"),
      /HTTP 403/,
      /CONNECT to sts\.eu-west-1\.amazonaws\.com:443/,
    ],
    ["it does not know CONNECT", writes("HTTP/1.1 405 No\r\n\r\n"), /HTTP 405/, /CONNECT/],
    ["it redirects", writes("HTTP/1.1 302 No\r\nlocation: http://127.0.0.1/\r\n\r\n"), /HTTP 302/, /CONNECT/],
    ["it does not reach STS", writes("HTTP/1.1 502 No\r\n\r\n"), /HTTP 502/, /its own way out/],
    ["it says 204", writes("HTTP/1.1 204 No\r\n\r\n"), /HTTP 204/, /CONNECT/],
    ["it is no HTTP server", writes("SSH-2.0-OpenSSH_9.9\r\n"), /not as an HTTP proxy does/, /SOCKS/],
    [
      "it speaks before STS does",
      writes(`${OK}HTTP/1.1 200 OK\r\n\r\n`),
      /not as an HTTP proxy does/,
      /HTTP proxy/,
    ],
    [
      "its headers have no end",
      writes(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}`),
      /not as an HTTP proxy does/,
      /HTTP proxy/,
    ],
  ] as const)("%s", async ([, answer, message, remedy]) => {
    const proxy = await connectProxy({ answer });
    const error = await thrown(() => call({ proxy: by(proxy.origin, `svc-egress:${PASSWORD}`) }));
    expect(error).toMatchObject({
      code: "STS_PROXY_REFUSED",
      kind: "passing",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
    expect(error.cause).toBeUndefined();
    expect(error.message + error.remedy + String(error.stack)).not.toMatch(/p:ä|svc-egress|Basic|c3ZjLWVn/);
  });

  test.for([
    [
      "it hangs up when asked",
      (socket: Socket): boolean => socket.destroy().destroyed,
      "STS_PROXY_UNREACHABLE",
      /ECONNRESET/,
    ],
    [
      "it hangs up when STS is to be heard",
      writes(OK),
      "STS_UNREACHABLE",
      /through the proxy .*\(ECONNRESET\)/,
    ],
    [
      "it says nothing",
      (): boolean => true,
      "STS_TIMEOUT",
      /^The proxy http:\S+ made no connection to STS at https:\S+ within 0\.3 s/,
    ],
    [
      "it says nothing after the tunnel is open",
      (socket: Socket): boolean => socket.write(OK),
      "STS_TIMEOUT",
      /^STS at https:\S+ did not answer .* through the proxy http:\S+ within 0\.3 s/,
    ],
  ] as const)("%s", async ([, answer, code, message]) => {
    const proxy = await connectProxy({ answer });
    const error = await thrown(() => call({ proxy: by(proxy.origin), timeoutMs: 300 }));
    expect(error).toMatchObject({ code, kind: "passing", message: expect.stringMatching(message) });
  });

  test("it is down, and STS is not called without it", async () => {
    const rig = await stsRig();
    const error = await rig.failure({ proxy: by(`http://127.0.0.1:${await freePort()}`) });
    expect(error).toMatchObject({
      code: "STS_PROXY_UNREACHABLE",
      message: expect.stringContaining("ECONNREFUSED"),
      remedy: expect.stringContaining("stsProxy"),
    });
    expect(rig.sts.calls).toEqual([]);
    expect(rig.outcomes).toEqual(["STS_PROXY_UNREACHABLE"]);
  });

  test.for([
    ["its certificate is of an unknown CA", () => ({ authority: stranger }), "https:", /stsCa/],
    [
      "its certificate has another name",
      () => ({ authority: company, names: ["a.example"] }),
      "https:",
      /as its certificate does/,
    ],
    ["it does not speak TLS", () => ({}), "https:", /http:\/\//],
  ] as const)("%s", async ([, options, scheme, remedy]) => {
    const proxy = await connectProxy(options());
    const origin = proxy.origin.replace(/^https?:/, scheme);
    const error = await thrown(() => call({ ca: company.cert, proxy: by(origin) }));
    expect(error).toMatchObject({
      code: "STS_PROXY_UNREACHABLE",
      remedy: expect.stringMatching(remedy),
    });
  });
});

test("calls that are given up on their way through a proxy leave no socket", async () => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((one) => /^(?:TCP(?:Socket|Connect)|TLS)Wrap$/.test(one)).length;
  const silent = await connectProxy({ answer: () => true });
  const open = await connectProxy({ answer: (socket) => socket.write(OK) });
  const secure = await connectProxy({ authority: company, answer: (socket) => socket.write(OK) });
  const before = sockets();
  await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      thrown(() =>
        call({
          proxy: by([silent, open, secure][index % 3]?.origin ?? ""),
          ca: company.cert,
          timeoutMs: 300,
        }),
      ),
    ),
  );
  await expect.poll(sockets).toBeLessThanOrEqual(before);
});
