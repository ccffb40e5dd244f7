import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { certificateAuthority, servingCertificate, validFor } from "../../../injector/tls/certificates.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { stsOver } from "../../../sidecar/sts/assume-role.ts";
import { runChild, sidecar } from "../../support/child.ts";
import { connectProxy } from "../../support/connect-proxy.ts";
import { ROLE } from "../../support/credentials.ts";
import { executableOnPath } from "../../support/executable.ts";
import { freePort } from "../../support/free-port.ts";
import { http } from "../../support/http.ts";
import { ended, readiness, sidecarPod, termination } from "../../support/sidecar-pod.ts";
import { stsRig, WEB_TOKEN } from "../../support/sts-rig.ts";
import { tempFolder } from "../../support/temp-files.ts";
import { thrown } from "../../support/thrown.ts";
import { tlsFront } from "../../support/tls-front.ts";
import { until } from "../../support/until.ts";

const authority = await certificateAuthority("company", validFor(1, Date.now()));
const TINYPROXY = executableOnPath("tinyproxy");
const SQUID = executableOnPath("squid", "/usr/sbin");
const skipped = (program: string | undefined, name: string): string =>
  program === undefined ? `: skipped, ${name} is not installed` : "";

/** Waits until something listens there. */
const listens = (port: number, output: () => string): Promise<unknown> =>
  until(`the proxy to listen: ${output()}`, () => http(port, "/").catch(() => undefined));

async function tinyproxy(...lines: readonly string[]): Promise<string> {
  const [folder, port] = [tempFolder(), await freePort()];
  const file = join(folder, "tinyproxy.conf");
  writeFileSync(
    file,
    [`Port ${port}`, "Listen 127.0.0.1", "Timeout 60", "MaxClients 20", ...lines, ""].join("\n"),
  );
  const { output } = runChild(TINYPROXY ?? "", ["-d", "-c", file], {});
  await listens(port, output);
  return `http://127.0.0.1:${port}`;
}

/** STS by a name that the proxy looks up itself. */
async function sts() {
  const rig = await stsRig();
  const endpoint = (await tlsFront(rig.sts.url, authority, ["localhost"])).replace("127.0.0.1", "localhost");
  const by = (origin: string, credentials?: string) =>
    stsOver({
      region: "eu-west-1",
      endpoint,
      ca: authority.cert,
      proxy: { origin, credentials: credentials === undefined ? undefined : new Secret(credentials) },
      now: Date.now,
    })({
      caller: { kind: "token", token: new Secret(WEB_TOKEN) },
      step: { roleArn: ROLE, durationSeconds: 3600 },
      sessionName: "billing.api-0",
    });
  return { by, endpoint, calls: rig.sts.calls };
}

describe.skipIf(TINYPROXY === undefined)(`through tinyproxy${skipped(TINYPROXY, "tinyproxy")}`, () => {
  test("STS gives a session", async () => {
    const { by } = await sts();
    expect(await by(await tinyproxy())).toMatchObject({ roleArn: ROLE });
  });

  test("STS gives a session with the right user and password, and none with others", async () => {
    const { by, calls } = await sts();
    const origin = await tinyproxy("BasicAuth svc pass-word");
    expect(await by(origin, "svc:pass-word")).toMatchObject({ roleArn: ROLE });
    for (const wrong of [undefined, "svc:other"]) {
      expect(await thrown(() => by(origin, wrong))).toMatchObject({
        code: "STS_PROXY_REFUSED",
        remedy: expect.stringContaining("stsProxySecret"),
      });
    }
    expect(calls).toHaveLength(1);
  });

  test("the error says what to allow if it forbids STS's port", async () => {
    const { by, endpoint } = await sts();
    const error = await thrown(async () => by(await tinyproxy("ConnectPort 443")));
    expect(error).toMatchObject({
      code: "STS_PROXY_REFUSED",
      message: expect.stringContaining("HTTP 403"),
      remedy: expect.stringContaining(new URL(endpoint).host),
    });
  });

  test("the error is the proxy's own if it does not reach STS", async () => {
    const origin = await tinyproxy();
    const rig = await stsRig();
    const endpoint = `https://127.0.0.1:${await freePort()}`;
    expect(await rig.failure({ endpoint, proxy: { origin, credentials: undefined } })).toMatchObject({
      code: "STS_PROXY_REFUSED",
      message: expect.stringMatching(/HTTP 50[0234]/),
    });
  });
});

describe.skipIf(SQUID === undefined)(`through squid, over TLS${skipped(SQUID, "squid-openssl")}`, () => {
  test("STS gives a session, and none to a sidecar that does not know its CA", async () => {
    const [folder, port] = [tempFolder(), await freePort()];
    const { cert, key } = await servingCertificate(authority, ["localhost"], validFor(1, Date.now()));
    const pem = join(folder, "proxy.pem");
    const file = join(folder, "squid.conf");
    writeFileSync(pem, `${cert}\n${key}`);
    writeFileSync(
      file,
      [
        `https_port 127.0.0.1:${port} tls-cert=${pem}`,
        "acl all_ports port 1-65535",
        "http_access allow CONNECT all_ports",
        "http_access deny all",
        "cache deny all",
        "access_log none",
        "cache_log /dev/null",
        "pid_filename none",
        `coredump_dir ${folder}`,
        "",
      ].join("\n"),
    );
    chmodSync(folder, 0o755);
    chmodSync(pem, 0o644);
    const { output } = runChild(SQUID ?? "", ["-N", "-f", file], { PATH: process.env["PATH"] });
    const { by } = await sts();
    const origin = `https://localhost:${port}`;
    const granted = await until(`squid to listen: ${output()}`, () => by(origin).catch(() => undefined));
    expect(granted).toMatchObject({ roleArn: ROLE });
    expect(await (await stsRig()).failure({ proxy: { origin, credentials: undefined } })).toMatchObject({
      code: "STS_PROXY_UNREACHABLE",
      remedy: expect.stringContaining("stsCa"),
    });
  });
});

test("a sidecar whose proxy refuses it says so to the pod, and shows the password nowhere", async () => {
  const proxy = await connectProxy({ credentials: "svc:right-one" });
  const made = await sidecarPod({
    [ENV.stsProxy]: proxy.origin,
    [ENV.stsProxyUsername]: "svc",
    [ENV.stsProxyPassword]: "hunter2hunter2",
    [ENV.logLevel]: "trace",
    [ENV.startTimeoutSeconds]: "5",
  });
  const serving = sidecar(["serve"], made.env);
  const waiting = sidecar(["wait"], made.env);
  await readiness(made, "STS_PROXY_REFUSED");
  const said = [await http(made.port, "/v1/credentials"), await http(made.healthPort, "/metrics")];
  const shown = JSON.stringify(said) + (await ended(waiting, 1)) + (await termination(made));
  serving.kill("SIGTERM");
  await serving.exited;
  expect(shown + serving.output()).toContain("STS_PROXY_REFUSED");
  expect(shown + serving.output()).not.toMatch(/hunter2|aHVudGVyM|c3ZjOmh1/);
  expect(made.sts.calls).toEqual([]);
});
