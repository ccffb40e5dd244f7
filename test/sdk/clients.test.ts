import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { until } from "../support/until.ts";
import { CLIENTS, isSaid, UNTRIED, type Client, type Sayings } from "./clients.ts";
import { startMoto } from "./moto.ts";
import { runPod, SESSION, type RunningPod, type Setting } from "./pod.ts";
import { fleeting, lasting, type Answer, type Program } from "./program.ts";
import { canImport } from "./python.ts";
import { openReport } from "./report.ts";

/**
 * Real clients, each with the environment that the injector gives to an app, a sidecar of its own, and moto's STS and S3
 * behind a front that takes no request but one with a key, a token and a signature that are good at that moment.
 */
const SHORT_SECONDS = 15;
const hasMoto = canImport("moto.server");
const built = inject("built");

const whySkipped = ({ id }: Client): string | undefined => {
  const made = built[id];
  return made?.kind === "skipped" ? `skipped: ${made.reason}` : undefined;
};
const whyUntried = (client: Client): string | undefined =>
  built[client.id]?.kind === "failed" ? "FAILED to build" : whySkipped(client);

describe.skipIf(!hasMoto).concurrent("against moto's STS and S3 (python package moto[server])", () => {
  const report = openReport();
  let moto: Awaited<ReturnType<typeof startMoto>>;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => {
    moto?.stop();
    process.stdout.write(report.text(CLIENTS, whyUntried));
    for (const { name, reason } of UNTRIED) process.stdout.write(`not tried: ${name} (${reason})\n`);
  });

  describe.for(CLIENTS)("$name $version", (client) => {
    const made = built[client.id];
    const reason = whySkipped(client);
    const isMissing = made?.kind !== "ready";
    type Undo = Setting["onTestFinished"];
    const start = (env: Readonly<Record<string, string>>, onTestFinished: Undo): Program => {
      const argv = isMissing ? [] : made.argv;
      const deps = { env, onTestFinished: (undo: () => void) => onTestFinished(async () => undo()) };
      if (client.command === undefined) return lasting(argv, deps);
      return fleeting([...argv, ...client.command(env["AWS_ENDPOINT_URL_S3"] ?? "")], deps);
    };
    const inPod = (pod: RunningPod, onTestFinished: Undo): Program =>
      start({ ...pod.app, ...pod.surroundings }, onTestFinished);

    test(`is built${reason === undefined ? "" : ` (${reason})`}`, ({ skip }) => {
      skip(reason !== undefined, reason);
      expect(made).toEqual({ kind: "ready", argv: expect.anything() as string[] });
    });

    test.skipIf(isMissing)(
      "is the pod's role with the injected variables alone",
      async ({ onTestFinished }) => {
        const passed = report.opened(client, "first fetch");
        const pod = await runPod({ moto: moto.url, onTestFinished });
        const app = inPod(pod, onTestFinished);
        expectGranted(await app.call());
        expectGranted(await app.call());
        expectOnlyGoodKeys(pod);
        expect(pod.front.granted).toHaveLength(1);
        passed();
      },
    );

    test.skipIf(isMissing)(
      "goes on with a new session when one has ended, with the file alone, whose token the kubelet has replaced meanwhile",
      async ({ onTestFinished }) => {
        const passed = report.opened(client, "refresh");
        const short = {
          moto: moto.url,
          lifetimeSeconds: SHORT_SECONDS,
          token: "file",
          onTestFinished,
        } as const;
        const pod = await runPod(short);
        expect(pod.app).not.toHaveProperty(APP_ENV.token);
        const app = inPod(pod, onTestFinished);
        expectGranted(await app.call());
        await pod.rotate();
        await callsUntilEndOf(pod, app);
        expectOnlyGoodKeys(pod);
        expect(keysUsed(pod).size).toBeGreaterThanOrEqual(2);
        passed();
      },
    );

    test.skipIf(isMissing)("goes on while its sidecar is away, and after it", async ({ onTestFinished }) => {
      const passed = report.opened(client, "restart");
      const token = client.knowsFileOnly === true ? "file" : "env";
      const [long, short] = await Promise.all([
        runPod({ moto: moto.url, token, onTestFinished }),
        runPod({ moto: moto.url, lifetimeSeconds: SHORT_SECONDS, onTestFinished }),
      ]);
      expect(APP_ENV.tokenFile in long.app).toBe(client.knowsFileOnly === true);
      const [keeping, fetching] = [inPod(long, onTestFinished), inPod(short, onTestFinished)];
      expectGranted(await keeping.call());
      expectGranted(await fetching.call());
      await Promise.all([long.killSidecar(), short.killSidecar()]);
      // A command has nothing to go on with; a client that holds an hour's session asks nobody.
      if (client.command === undefined && client.keepsNothing !== true) expectGranted(await keeping.call());
      await Promise.all([long.startSidecar(), short.startSidecar()]);
      await Promise.all([long.ready(), short.ready()]);
      await callsUntilEndOf(short, fetching);
      expectGranted(await inPod(long, onTestFinished).call());
      for (const pod of [long, short]) {
        expectOnlyGoodKeys(pod);
        expect(keysUsed(pod).size).toBeGreaterThanOrEqual(2);
      }
      passed();
    });

    test.skipIf(isMissing)(
      "does not notice an outage of STS while a session is held, and says so after it",
      async (context) => {
        const passed = report.opened(client, "outage");
        const { onTestFinished } = context;
        const pod = await runPod({ moto: moto.url, onTestFinished });
        pod.front.outage(true);
        expectGranted(await inPod(pod, onTestFinished).call());

        const empty = await runPod({ moto: moto.url, isOut: true, onTestFinished });
        const app = inPod(empty, onTestFinished);
        const told = await app.call();
        const asked = await empty.answers(503);
        report.said({ client, when: "no session held", asked, ...told });
        expect({ asked, told: toldOf(told) }).toEqual({ asked: anyNumber, told: client.tells });
        expectWords(client, "notHeld", told);
        expect(empty.front.uses.filter(({ check }) => check !== "unsigned")).toEqual([]);
        empty.front.outage(false);
        await empty.ready();
        expectGranted(await (client.decidesOnce === true ? inPod(empty, onTestFinished) : app).call());
        for (const one of [pod, empty]) expect(one.metadata.requests).toEqual([]);
        passed();
      },
    );

    test.skipIf(isMissing)(
      "is nobody with a wrong token, and does not turn to the node's role",
      async ({ onTestFinished }) => {
        const passed = report.opened(client, "wrong token");
        const pod = await runPod({ moto: moto.url, onTestFinished });
        const other = "a-token-of-another-container";
        const guess = { ...pod.app, [APP_ENV.token]: other, [APP_ENV.tokenFile]: pod.file(other) };
        const told = await start({ ...guess, ...pod.surroundings }, onTestFinished).call();
        const asked = await pod.answers(403);
        report.said({ client, when: "a wrong token", asked, ...told });
        expect({ asked, told: toldOf(told) }).toEqual({ asked: anyNumber, told: client.tells });
        expectWords(client, "refused", told);
        expect(pod.front.uses.filter(({ check }) => check !== "unsigned")).toEqual([]);
        expect(pod.metadata.requests).toEqual([]);
        passed();
      },
    );

    test.skipIf(isMissing)(
      "says so where its sidecar is away, and does not turn to the node's role",
      async ({ onTestFinished }) => {
        const passed = report.opened(client, "no sidecar");
        const pod = await runPod({ moto: moto.url, onTestFinished });
        await pod.killSidecar();
        const told = await inPod(pod, onTestFinished).call();
        report.said({ client, when: "no sidecar", asked: 0, ...told });
        expect(told.isGranted).toBe(false);
        expectWords(client, "noSidecar", told);
        expect(pod.front.uses.filter(({ check }) => check !== "unsigned")).toEqual([]);
        expect(pod.metadata.requests).toEqual([]);
        passed();
      },
    );

    // A control: it proves that the test above would see a client that turns to the metadata service.
    test.skipIf(isMissing || !client.isTrappable)(
      "turns to the node's role where nobody has told it anything",
      async ({ onTestFinished }) => {
        const pod = await runPod({ moto: moto.url, onTestFinished });
        const env = {
          ...pod.surroundings,
          [APP_ENV.region]: "eu-west-1",
          [APP_ENV.defaultRegion]: "eu-west-1",
        };
        const told = await start(env, onTestFinished).call();
        expect(told.isGranted).toBe(false);
        expect(pod.metadata.requests).toContain("PUT /latest/api/token");
        expect(pod.front.uses).toContainEqual({ accessKeyId: "ASIAOFTHENODE", check: "unknown" });
      },
    );
  });
});

function expectGranted({ isGranted, arn, error }: Answer): void {
  // S3 names no caller; that its requests are signed with the session's key is seen in front of it.
  expect({ isGranted, error, arn: arn ?? SESSION }).toEqual({
    isGranted: true,
    error: undefined,
    arn: SESSION,
  });
}

/** At least once: what failed is what the test is about, and not something before it. */
const anyNumber = expect.toSatisfy((count: number) => count > 0) as number;

/** What of the sidecar's answer a client has passed on. Its own words are the report's. */
function toldOf({ isGranted, error = "" }: Answer): Client["tells"] | "granted" {
  if (isGranted) return "granted";
  if (/does not hold a token of this pod|No credentials yet/.test(error)) return "the sidecar's sentence";
  return /\b(?:403|503)\b/.test(error) ? "its status" : "nothing";
}

/** The troubleshooting page quotes them. */
function expectWords({ says }: Client, when: keyof Sayings, { error = "" }: Answer): void {
  const words = says?.[when] ?? "…";
  expect({ words, error, isSaid: isSaid(words, error) }).toEqual({ words, error, isSaid: true });
}

/** Every request of the app's was signed with a key that the sidecar had been granted, before its end. */
function expectOnlyGoodKeys({ front, metadata }: RunningPod): void {
  expect(front.uses.length).toBeGreaterThan(0);
  expect(front.uses.filter(({ check }) => check !== "accepted")).toEqual([]);
  expect(metadata.requests).toEqual([]);
}

const keysUsed = ({ front }: RunningPod): ReadonlySet<string | undefined> =>
  new Set(front.uses.map(({ accessKeyId }) => accessKeyId));

/** Calls about once a second, until the session that was used first is over, and once more. */
async function callsUntilEndOf({ front }: RunningPod, app: Program): Promise<void> {
  let calledAt = 0;
  await until(
    "the first session's end",
    async () => {
      if (Date.now() < calledAt + 1000) return undefined;
      calledAt = Date.now();
      expectGranted(await app.call());
      const first = front.granted.find(({ accessKeyId }) => accessKeyId === front.uses[0]?.accessKeyId);
      return calledAt > (first?.expiresAt ?? Infinity) ? true : undefined;
    },
    60_000,
  );
}
