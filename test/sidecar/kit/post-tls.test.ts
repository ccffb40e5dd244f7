import { createServer } from "node:https";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  certificateAuthority,
  servingCertificate,
  validFor,
  type KeyPair,
} from "../../../injector/tls/certificates.ts";
import { trustWith } from "../../../sidecar/sts/client.ts";
import { listening } from "../../support/listening.ts";
import { ask } from "../../support/post-rig.ts";

describe("of the certificates of an endpoint", () => {
  let authority: KeyPair;
  beforeAll(async () => {
    authority = await certificateAuthority("company", validFor(30, Date.now()));
  });

  async function withTls(names: readonly string[], from: number): Promise<string> {
    const certificate = await servingCertificate(authority, names, validFor(1, from));
    const server = createServer(certificate, (_, response) => void response.end("abc"));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `https://127.0.0.1:${await listening(server)}`;
  }
  const DAY = 86_400_000;

  test("one is trusted that its CA has made for its address", async () => {
    const origin = await withTls(["127.0.0.1"], Date.now());
    expect(await ask(origin, { ca: [authority.cert] })).toMatchObject({ status: 200 });
  });

  test("one is trusted as well by a CA that was read beforehand, and no other is", async () => {
    const origin = await withTls(["127.0.0.1"], Date.now());
    expect(await ask(origin, { ca: await trustWith(authority.cert) })).toMatchObject({ status: 200 });
    const other = await certificateAuthority("other", validFor(30, Date.now()));
    const outcome = await ask(origin, { ca: await trustWith(other.cert) });
    expect(outcome).toMatchObject({ kind: "unreachable", why: expect.stringMatching(/UNABLE_TO/) });
  });

  test.each([
    ["of another CA", ["127.0.0.1"], 0, [], /SELF_SIGNED|UNABLE_TO/],
    ["of another name", ["sts.example"], 0, undefined, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
    ["that has expired", ["127.0.0.1"], -10, undefined, /^CERT_HAS_EXPIRED$/],
    ["that is not valid yet", ["127.0.0.1"], 10, undefined, /^CERT_NOT_YET_VALID$/],
  ] as const)("one %s is not trusted, and nothing is sent", async (_, names, days, ca, why) => {
    const origin = await withTls(names, Date.now() + days * DAY);
    const outcome = await ask(origin, { ca: ca ?? [authority.cert] });
    expect(outcome).toMatchObject({ kind: "unreachable", why: expect.stringMatching(why) });
  });
});
