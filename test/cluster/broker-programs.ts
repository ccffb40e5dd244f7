import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import type { TcpService } from "../support/tcp-service.ts";
import { until } from "../support/until.ts";
import { BROKER_ROLE } from "./broker-sts.ts";
import { NAMESPACE, type Installed } from "./installation.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { accountsOf, BROKER } from "./setting.ts";

/** A replica of the broker. */
export interface Replica extends Child {
  readonly port: number;
}

/** The running controller, injector and broker. */
export interface BrokerPrograms {
  readonly firstReplica: Replica;
  /** One more, which the Service leads to from then on. */
  readonly startReplica: () => Promise<Replica>;
  /** All that the broker's replicas have logged. */
  readonly lines: () => readonly KubeObject[];
  /** All that the programs have printed. */
  readonly output: () => string;
  readonly removeFiles: () => void;
}

/**
 * Starts them as their Deployments would.
 * @param admin creates the token by which the broker is its role
 * @param service the broker's
 */
export async function brokerPrograms(
  installed: Installed,
  admin: KubeClient,
  service: TcpService,
): Promise<BrokerPrograms> {
  const folder = mkdtempSync(join(tmpdir(), "podrole-broker-"));
  const tokenFile = join(folder, "token");
  const { status } = await admin.create(`${accountsOf(NAMESPACE)}/${BROKER}/token`, {
    spec: { audiences: ["sts.amazonaws.com"] },
  });
  await writeFile(tokenFile, status.token, { mode: 0o600 });

  const controller = await installed.startController("--broker-names=127.0.0.1");
  const injector = await installed.start();
  const replicas: Replica[] = [];
  const startReplica = async (): Promise<Replica> => {
    const [port, healthPort] = [await freePort(), await freePort()];
    const env = { AWS_ROLE_ARN: BROKER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile };
    const where = [`--port=${port}`, `--health-port=${healthPort}`];
    const child = await installed.startBroker(env, ...where, "--drain-seconds=2");
    const replica = { ...child, port };
    replicas.push(replica);
    await until("the broker", () => child.output().includes("listening") || undefined).catch(
      (error: Error) => {
        throw new Error(`${error.message}: ${child.output()}`, { cause: error });
      },
    );
    service.endpoints = [...service.endpoints, port];
    return replica;
  };
  return {
    firstReplica: await startReplica(),
    startReplica,
    lines: () => replicas.flatMap((replica) => linesOf(replica.output())),
    output: () => [controller, injector, ...replicas].map((one) => one.output()).join("\n"),
    removeFiles: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const linesOf = (output: string): readonly KubeObject[] =>
  output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
