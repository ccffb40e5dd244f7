import { createInterface } from "node:readline";
import { isRecord, own, strings } from "../../../model/read.ts";
import type { Io } from "../../io.ts";
import type { Environment } from "../node/expand.ts";
import { imdsStandIn } from "./imds.ts";
import type { Processes } from "../node/processes.ts";
import type { WebIdentity } from "./sts-assume.ts";
import { stsStandIn } from "./sts.ts";

/** Where the stand-ins listen. */
export interface StandInsPlan {
  readonly sts: { readonly host: string; readonly port: number };
  /** Addresses of the metadata service; none where there is no network namespace to have them in. */
  readonly metadata: readonly string[];
}

/** AWS, as far as the demo needs it: STS, and the metadata service of the node that the pod runs on. */
export interface StandIns {
  readonly stsUrl: string;
  /** Makes a service account token known to STS. */
  readonly addToken: (token: string, identity: WebIdentity) => Promise<void>;
  /** Requests that have reached the metadata service so far, such as `PUT /latest/api/token`. */
  readonly metadataRequests: () => Promise<readonly string[]>;
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
  const read = (line: string): unknown => JSON.parse(line);
  const first = read(await started.line());
  return {
    stsUrl: isRecord(first) ? String(own(first, "stsUrl")) : "",
    addToken: async (token, identity) => {
      await started.ask(JSON.stringify({ token, identity }));
    },
    metadataRequests: async () => strings(read(await started.ask("{}"))),
  };
}

/**
 * The stand-ins' own process: they have to live in the node's network namespace, and a process is in one only. A line
 * of standard input that names a token makes it known; each is answered by the requests that the metadata service has
 * had. The end of the input ends the process, so it does not outlive the demo.
 */
export async function serveStandIns(plan: StandInsPlan, { stdin, stdout }: Io): Promise<void> {
  const sts = await stsStandIn(plan.sts);
  const keys = () => sts.issue(NODE.arn, 6 * 60 * 60);
  const metadata = await Promise.all(
    plan.metadata.map((host) => imdsStandIn({ host, port: 80, role: NODE.role, keys })),
  );
  const say = (value: unknown): void => stdout.write(`${JSON.stringify(value)}\n`);
  say({ stsUrl: new URL(sts.url).origin });
  for await (const line of createInterface({ input: stdin })) {
    // From the demo that started this process.
    const { token, identity } = JSON.parse(line) as { token?: string; identity?: WebIdentity };
    if (token !== undefined && identity !== undefined) sts.addToken(token, identity);
    say(metadata.flatMap(({ requests }) => requests));
  }
  await Promise.all([sts.close(), ...metadata.map(({ close }) => close())]);
}
