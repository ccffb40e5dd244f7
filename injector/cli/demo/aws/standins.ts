import { createInterface } from "node:readline";
import type { Fields } from "../../../model/read.ts";
import type { Io } from "../../io.ts";
import type { Environment } from "../node/expand.ts";
import { imdsStandIn } from "./imds.ts";
import type { Processes } from "../node/processes.ts";
import { apiServerStandIn } from "../kubernetes/api-server.ts";
import type { MintedToken } from "../kubernetes/minted-token.ts";
import type { Place } from "./listen.ts";
import type { StsCall } from "./sts-call.ts";
import { stsStandIn } from "./sts.ts";

/** Where the stand-ins listen. */
export interface StandInsPlan {
  readonly sts: Place & {
    /** Long-lived access key ids, with their owners' ARNs. */
    readonly keys?: Readonly<Record<string, string>>;
  };
  /** Addresses of the metadata service; none where there is no network namespace to have them in. */
  readonly metadata: readonly string[];
  /** Whether there is an API server as well. */
  readonly apiServer?: boolean;
}

/** AWS, as far as the demo needs it: STS, and the metadata service of the node that the pod runs on. */
export interface StandIns {
  readonly stsUrl: string;
  /** Of the API server; empty where none was asked for. */
  readonly apiServerUrl: string;
  /** Tells the stand-ins something. @returns what they have been asked so far */
  readonly tell: (news: News) => Promise<Seen>;
}

/** What the stand-ins are told while they run. */
export interface News {
  /** A service account token that STS and API server are to know. */
  readonly minted?: MintedToken & { readonly token: string };
  /** An object that the API server is to have, at the path of its kind and namespace. */
  readonly put?: { readonly path: string; readonly object: Fields };
  /** One that it is to have no more. */
  readonly remove?: { readonly path: string; readonly name: string };
  /** How long new sessions last, whatever a call asks for. */
  readonly sessionSeconds?: number;
}

/** In the order of arrival. */
export interface Seen {
  /** Requests that have reached the metadata service, such as `PUT /latest/api/token`. */
  readonly metadata: readonly string[];
  readonly sts: readonly StsCall[];
}

export const NODE = {
  role: "node-role",
  arn: "arn:aws:sts::111122223333:assumed-role/node-role/i-0d3m00000000000a1",
  name: "ip-10-0-1-20.ec2.internal",
} as const;

/** The hidden subcommand of `podrole demo` that {@link serveStandIns} runs as. */
export const STAND_INS = "stand-ins";

/** @param program how this very program is started, up to the demo's subcommand */
export async function startStandIns(
  plan: StandInsPlan,
  program: readonly string[],
  processes: Processes,
  env: Environment,
): Promise<StandIns> {
  const started = await processes.start([...program, STAND_INS, JSON.stringify(plan)], env);
  const { stsUrl, apiServerUrl } = JSON.parse(await started.line()) as Omit<StandIns, "tell">;
  return {
    stsUrl,
    apiServerUrl,
    tell: async (news) => JSON.parse(await started.ask(JSON.stringify(news))) as Seen,
  };
}

/**
 * The stand-ins' own process: they have to live in the node's network namespace, and a process is in one only. Each line of
 * standard input is news, and is answered by what they have been asked. The end of the input ends the process, so it does not
 * outlive the demo.
 */
export async function serveStandIns(plan: StandInsPlan, { stdin, stdout }: Io): Promise<void> {
  let sessionSeconds: number | undefined;
  const sts = await stsStandIn({
    ...plan.sts,
    get lifetimeSeconds() {
      return sessionSeconds;
    },
  });
  const keys = () => sts.issue(NODE.arn, 6 * 60 * 60);
  const metadata = await Promise.all(
    plan.metadata.map((host) => imdsStandIn({ host, port: 80, role: NODE.role, keys })),
  );
  const apiServer = plan.apiServer === true ? await apiServerStandIn() : undefined;
  const say = (value: unknown): void => stdout.write(`${JSON.stringify(value)}\n`);
  say({ stsUrl: new URL(sts.url).origin, apiServerUrl: apiServer?.url ?? "" });
  for await (const line of createInterface({ input: stdin })) {
    // From the demo that started this process.
    const news = JSON.parse(line) as News;
    if (news.minted !== undefined) {
      const { token, ...minted } = news.minted;
      sts.addToken(token, minted);
      apiServer?.addToken(token, minted);
    }
    if (news.put !== undefined) apiServer?.put(news.put.path, news.put.object);
    if (news.remove !== undefined) apiServer?.remove(news.remove.path, news.remove.name);
    if (news.sessionSeconds !== undefined) ({ sessionSeconds } = news);
    const seen: Seen = { metadata: metadata.flatMap(({ requests }) => requests), sts: sts.calls };
    say(seen);
  }
  await Promise.all([sts.close(), apiServer?.close(), ...metadata.map(({ close }) => close())]);
}
