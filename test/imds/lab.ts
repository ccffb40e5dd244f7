import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENV, IMDS_PORT, METADATA_ADDRESSES } from "../../sidecar/contract.ts";
import { collect, command, must, type Ended } from "../guard/command.ts";
import { inside, spaces } from "../guard/spaces.ts";
import { sidecarEnv } from "../support/sidecar-env.ts";
import { until } from "../support/until.ts";
import { HEALTH_PORT, STS_PORT, WEB_TOKEN } from "./names.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * One network namespace of the test's own, in which EC2's real addresses are the node's service, until
 * {@link Lab.redirect} sends what is for them to the sidecar, as the guard does.
 */
export interface Lab {
  readonly redirect: (openUid?: number) => Promise<void>;
  /** The sidecar of a pod that is emulated for; resolves when `/readyz` says `readyz`. */
  readonly sidecar: (over?: Env, readyz?: string) => Promise<void>;
  /** An app of the pod: these variables and no others. */
  readonly app: (argv: readonly string[], env?: Env, input?: string) => Promise<Ended>;
  readonly close: () => Promise<void>;
}

const SIDECAR = fileURLToPath(new URL("./sidecar-as-its-uid.ts", import.meta.url));
const SURROUNDINGS = fileURLToPath(new URL("./surroundings.ts", import.meta.url));

let opened = 0;

export async function openLab(): Promise<Lab> {
  opened += 1;
  const space = `podrole-imds-${process.pid}-${opened}`;
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  // The sidecar reads its token in it.
  await chmod(folder, 0o755);
  const { start, removeAll, close } = spaces([space]);
  const run = (program: string, env: Env): ChildProcessWithoutNullStreams =>
    start(inside(space, [process.execPath, program]), env);

  const sidecar = async (over: Env = {}, readyz = "ok"): Promise<void> => {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, WEB_TOKEN);
    const child = run(SIDECAR, {
      PATH: process.env["PATH"],
      // As a container runtime sets it for a uid that is in no list of users.
      HOME: "/",
      ...sidecarEnv(),
      [ENV.imds]: "emulate",
      [ENV.healthPort]: String(HEALTH_PORT),
      [ENV.stsEndpoint]: `http://127.0.0.1:${STS_PORT}`,
      [ENV.webIdentityTokenFile]: tokenFile,
      [ENV.blockedAddresses]: METADATA_ADDRESSES.join(","),
      ...over,
    });
    let said = "";
    child.stderr.on("data", (part: Buffer) => (said += part.toString()));
    const url = `http://127.0.0.1:${HEALTH_PORT}/readyz`;
    await until(`readiness ${readyz}`, async () => {
      const { stdout } = await command(inside(space, ["curl", "--silent", "--max-time", "1", url]));
      return stdout.trim() === readyz ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; the sidecar said: ${said}`);
    });
  };

  try {
    await must(["ip", "netns", "add", space]);
    for (const line of network()) await must(["ip", "-n", space, ...line.split(" ")]);
    const around = run(SURROUNDINGS, { PATH: process.env["PATH"] });
    const ended = collect(around).then(({ stderr }) =>
      Promise.reject(new Error(`the surroundings ended: ${stderr}`)),
    );
    ended.catch(() => undefined);
    await Promise.race([once(around.stdout, "data"), ended]);
  } catch (error) {
    removeAll();
    throw error;
  }
  return {
    sidecar,
    redirect: async (openUid) =>
      void (await must(inside(space, ["nft", "-f", "-"]), { input: redirection(openUid) })),
    app: (argv, env = {}, input = "") => command(inside(space, argv), { env: { ...APP_ENV, ...env }, input }),
    close: async () => {
      await close();
      await rm(folder, { recursive: true });
    },
  };
}

/** No container endpoint, no metadata endpoint, no files: EC2's own address is all there is. */
const APP_ENV: Env = {
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  AWS_REGION: "eu-west-1",
  AWS_DEFAULT_REGION: "eu-west-1",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${STS_PORT}`,
};

/** Loopback alone, with EC2's addresses on it: what is asked of them leads somewhere, and nothing else does. */
function network(): readonly string[] {
  const [v4, v6] = METADATA_ADDRESSES;
  return ["link set lo up", `address add ${v4}/32 dev lo`, `address add ${v6}/128 dev lo nodad`];
}

/** As plain as it can be, so that this suite is about the endpoint; the guard's own rules have a suite of their own. */
function redirection(openUid: number | undefined): string {
  const [v4, v6] = METADATA_ADDRESSES;
  return `table inet podrole_imds_test {
  chain output {
    type nat hook output priority -100;
    ${openUid === undefined ? "" : `meta skuid ${openUid} return`}
    ip daddr ${v4} tcp dport 80 redirect to :${IMDS_PORT}
    ip6 daddr ${v6} tcp dport 80 redirect to :${IMDS_PORT}
  }
}
`;
}
