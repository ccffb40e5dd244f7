import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { ROLE } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import {
  grantedJson,
  noSession,
  noting,
  POD_TOKEN,
  session,
  type Received,
} from "../../support/broker-client-rig.ts";
import { httpsServer } from "../../support/https-server.ts";
import { listening } from "../../support/listening.ts";
import { projectedVolume } from "../../support/projected-volume.ts";
import { raw } from "../../support/post-rig.ts";
import { setEnv } from "../../support/set-env.ts";
import { tempFile } from "../../support/temp-files.ts";

const DAY = 86_400_000;

/** A broker that answers all alike. */
async function brokerThat(answer: () => { status?: number; body: string }) {
  const received: Received[] = [];
  return { ...(await httpsServer(noting(received, answer))), received };
}

const granting = () => brokerThat(() => ({ body: grantedJson() }));

describe("the sidecar of source broker", () => {
  test("sends the pod's token, its identity and its role, and gets the session", async () => {
    const { received, ...broker } = await granting();
    const outcomes: string[] = [];
    const granted = await session({ ...broker, onCall: (code) => outcomes.push(code) });
    expect(granted).toMatchObject({ accessKeyId: "ASIAEXAMPLE", roleArn: ROLE, accountId: "123456789012" });
    expect(granted.secretAccessKey.reveal()).toBe("s/ec+ret");
    expect(outcomes).toEqual(["Success"]);
    expect(received).toMatchObject([
      {
        method: "POST",
        path: "/v1/session",
        headers: { authorization: `Bearer ${POD_TOKEN}`, "content-type": "application/json" },
      },
    ]);
    expect(JSON.parse(received[0]?.body ?? "")).toEqual({ identity: "pod", roleArn: ROLE });
  });

  test("reads the token again for every attempt, as the kubelet renews it", async () => {
    const { received, ...broker } = await granting();
    const { file: tokenFile, rotate } = projectedVolume("first.token");
    await session({ ...broker, tokenFile });
    rotate("second.token\n");
    await session({ ...broker, tokenFile });
    expect(received.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer first.token",
      "Bearer second.token",
    ]);
  });

  test.each([
    ["missing", () => "/nowhere/token"],
    ["empty", () => tempFile("\n")],
    ["of two lines", () => tempFile("a\nb")],
  ])("does not ask when the token file is %s", async (_, file) => {
    const { received, ...broker } = await granting();
    const error = await noSession({ ...broker, tokenFile: file() });
    expect(error).toMatchObject({ code: "TOKEN_FILE_UNREADABLE", kind: "passing" });
    expect(received).toEqual([]);
  });
});

describe("the token is not sent to", () => {
  const certificate = (why: RegExp | string) => ({
    code: "BROKER_CERTIFICATE",
    kind: "passing",
    message: expect.stringMatching(why),
  });

  test("somebody with a certificate of another CA, and the remedy is to restart the pod", async () => {
    const { received, url } = await granting();
    const { ca } = await granting();
    const error = await noSession({ url, ca });
    expect(error).toMatchObject(certificate(/SELF_SIGNED|UNABLE_TO/));
    expect(error.remedy).toMatch(/^Restart the pod/);
    expect(received).toEqual([]);
  });

  test("anybody else where NODE_TLS_REJECT_UNAUTHORIZED says that no certificate is to be checked", async () => {
    const { received, url } = await granting();
    const { ca } = await granting();
    setEnv({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
    expect(await noSession({ url, ca })).toMatchObject(certificate(/SELF_SIGNED|UNABLE_TO/));
    expect(received).toEqual([]);
  });

  test.each([
    [
      "of another name",
      { names: ["podrole-broker.elsewhere.svc"] },
      "ERR_TLS_CERT_ALTNAME_INVALID",
      /brokerUrl names a host/,
    ],
    ["that has expired", { from: Date.now() - 10 * DAY }, "CERT_HAS_EXPIRED", /clock/],
    ["that is not valid yet", { from: Date.now() + 10 * DAY }, "CERT_NOT_YET_VALID", /clock/],
  ])("somebody with a certificate %s", async (_, wish, why, remedy) => {
    const received: Received[] = [];
    const broker = await httpsServer(
      noting(received, () => ({ body: grantedJson() })),
      wish,
    );
    const error = await noSession(broker);
    expect(error).toMatchObject(certificate(why));
    expect(error.remedy).toMatch(remedy);
    expect(received).toEqual([]);
  });

  test("a program that speaks no TLS", async () => {
    const sent: string[] = [];
    const server = createServer((socket) => {
      onTestFinished(() => void socket.destroy());
      socket
        .on("error", () => undefined)
        .once("data", (bytes) => {
          sent.push(bytes.toString("latin1"));
          socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
        });
    });
    onTestFinished(() => void server.close());
    const { ca } = await granting();
    const error = await noSession({ url: `https://127.0.0.1:${await listening(server)}`, ca });
    expect(error).toMatchObject({ code: "BROKER_UNREACHABLE", kind: "passing" });
    expect(error.remedy).toMatch(/speaks no TLS/);
    expect(sent.join("")).not.toContain(POD_TOKEN);
  });
});

test("the sidecar trusts each CA that it was told, as while the broker's CA changes", async () => {
  const { url, ca } = await granting();
  const { ca: next } = await granting();
  expect(await session({ url, ca: `${next}\n${ca}` })).toMatchObject({ roleArn: ROLE });
});

describe("what answers is not taken for the broker when", () => {
  test.each([301, 302, 307, 308])("it redirects with %i, and nobody is asked there", async (status) => {
    const elsewhere = await granting();
    const { url, ca } = await httpsServer((_, response) => {
      response.statusCode = status;
      response.setHeader("Location", `${elsewhere.url}/v1/session`).end(grantedJson());
    });
    expect(await noSession({ url, ca: `${ca}\n${elsewhere.ca}` })).toMatchObject({
      code: "BROKER_ANSWER_INVALID",
      kind: "passing",
      message: expect.stringContaining(`HTTP ${status}`),
    });
    expect(elsewhere.received).toEqual([]);
  });

  test("its answer is longer than 64 KiB", async () => {
    const broker = await brokerThat(() => ({ body: grantedJson({ Padding: "x".repeat(65_536) }) }));
    expect(await noSession(broker)).toMatchObject({ code: "BROKER_ANSWER_INVALID", kind: "passing" });
  });

  test("it answers with another role, which the message names only if it is one", async () => {
    const other = ROLE.replace(/[^/]+$/, "admin");
    const error = await noSession(await brokerThat(() => ({ body: grantedJson({ RoleArn: other }) })));
    expect(error).toMatchObject({ code: "BROKER_ANSWER_WRONG_ROLE", kind: "passing" });
    expect(error.message).toContain(`sent credentials for ${other}`);
    const text = "arn:aws:iam::123456789012:<b>";
    const hidden = await noSession(await brokerThat(() => ({ body: grantedJson({ RoleArn: text }) })));
    expect(hidden.message).toContain("for no role");
  });
});

describe("the broker does not answer", () => {
  test("within the time, so that the call is over", async () => {
    const { url, ca } = await httpsServer(() => undefined);
    expect(await noSession({ url, ca, timeoutMs: 100 })).toMatchObject({
      code: "BROKER_TIMEOUT",
      kind: "passing",
      message: expect.stringContaining("within 0.1 s"),
    });
  });

  test("where nobody listens, or the connection is cut", async () => {
    const { ca } = await granting();
    const closed = await noSession({ url: `https://127.0.0.1:${await freePort()}`, ca });
    expect(closed).toMatchObject({ code: "BROKER_UNREACHABLE", message: /ECONNREFUSED/ });
    const cut = await raw("", (socket) => void socket.end());
    expect(await noSession({ url: cut.replace("http:", "https:"), ca })).toMatchObject({
      code: "BROKER_UNREACHABLE",
    });
  });

  test("under a name that cannot be resolved, and the remedy is about DNS", async () => {
    const { ca } = await granting();
    const error = await noSession({ url: "https://podrole-broker.invalid", ca });
    expect(error).toMatchObject({ code: "BROKER_UNREACHABLE", kind: "passing" });
    expect(error.remedy).toMatch(/dnsPolicy/);
  });
});

describe("the broker's refusal", () => {
  const refusing = (status: number, over: object = {}) =>
    brokerThat(() => ({
      status,
      body: JSON.stringify({
        code: "ROLE_NOT_ALLOWED",
        message: "No grant allows it.",
        remedy: "Ask an admin.",
        kind: "definite",
        ...over,
      }),
    }));

  test.each([
    [400, "REQUEST_INVALID", "definite"],
    [401, "TOKEN_NOT_ACCEPTED", "passing"],
    [403, "ROLE_NOT_ALLOWED", "definite"],
    [403, "AccessDenied", "definite"],
    [429, "BROKER_BUSY", "throttled"],
    [503, "FACTS_UNAVAILABLE", "passing"],
  ])("with HTTP %i is passed on with its code %s, %s", async (status, code, kind) => {
    const outcomes: string[] = [];
    const broker = await refusing(status, { code, kind });
    const error = await noSession({ ...broker, onCall: (outcome) => outcomes.push(outcome) });
    expect(error).toMatchObject({ code, kind, remedy: "Ask an admin." });
    expect(error.message).toBe(`The broker gave no session for ${ROLE}: No grant allows it.`);
    expect(outcomes).toEqual([code]);
    expect(broker.received).toHaveLength(1);
  });

  test.each([
    [{ endsSession: true }, true],
    [{ endsSession: "true" }, false],
    [{}, false],
  ])("ends the session in hand only if it says so: %j", async (over, ends) => {
    expect((await noSession(await refusing(403, over))).endsSession).toBe(ends);
  });

  test("is shown on one line, cut, in printable characters and without the token or a part of it", async () => {
    const [header = "", payload = ""] = POD_TOKEN.split(".");
    const message = `No:\r\n${POD_TOKEN} \u202E${payload}\u0007 ${"x".repeat(5000)}`;
    const error = await noSession(await refusing(403, { message, remedy: `${header}\n!` }));
    expect(error.message).toContain("No: [secret] [secret] xxx");
    expect(error.message.length).toBeLessThan(1100);
    expect(error.message + error.remedy).not.toMatch(/\p{C}/u);
    expect(error.remedy).toBe("[secret] !");
  });

  test.each([
    ["no code", { code: undefined }],
    ["a code that is none", { code: "<script>" }],
    ["no message", { message: "" }],
    ["no kind", { kind: undefined }],
    ["another kind", { kind: "granted" }],
  ])("is not the broker's with %s", async (_, over) => {
    expect(await noSession(await refusing(403, over))).toMatchObject({
      code: "BROKER_ANSWER_INVALID",
      kind: "passing",
      message: expect.stringContaining("HTTP 403"),
    });
  });
});

describe("when the node's clock is", () => {
  /** A broker whose clock is that much ahead of the node's. */
  const ahead = async (offsetMs: number) => {
    const brokerNow = Date.now() + offsetMs;
    const broker = await httpsServer((_, response) => {
      response.setHeader("Date", new Date(brokerNow).toUTCString());
      response.end(grantedJson({}, brokerNow));
    });
    return { trueEnd: Math.floor(brokerNow / 1000) * 1000 + 3_600_000 - offsetMs, ...broker };
  };

  test("behind, credentials end by it no later than at the broker", async () => {
    const { trueEnd, ...broker } = await ahead(240_000);
    const { expiresAt } = await session(broker);
    expect(expiresAt).toBeLessThanOrEqual(trueEnd + 1000);
    expect(expiresAt).toBeGreaterThan(trueEnd - 3000);
  });

  test("ahead, credentials end when the broker says", async () => {
    const { trueEnd, ...broker } = await ahead(-240_000);
    expect((await session(broker)).expiresAt).toBe(trueEnd - 240_000);
  });
});

test("a token that the kubelet has not written yet is read at the next attempt", async () => {
  const broker = await granting();
  const tokenFile = tempFile("");
  await noSession({ ...broker, tokenFile });
  writeFileSync(tokenFile, POD_TOKEN);
  expect(await session({ ...broker, tokenFile })).toMatchObject({ roleArn: ROLE });
});
