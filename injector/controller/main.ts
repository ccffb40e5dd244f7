import { CommanderError } from "commander";
import { systemClock } from "../../sidecar/kit/clock.ts";
import { coded, oneLine } from "../../sidecar/kit/errors.ts";
import { createLog } from "../model/log.ts";
import { findAccess, namespaceOf } from "../cluster/access.ts";
import { apiServer } from "../cluster/api-server.ts";
import { VERSION } from "../model/version.ts";
import { controllerCommand, type ControllerOptions } from "./command.ts";
import { controllerTasks, unreadyOf } from "./controller.ts";
import { healthServer } from "../http/health.ts";
import { listenAt } from "../http/listen.ts";
import { controllerMetrics } from "./metrics.ts";
import type { Task } from "./task.ts";

/** Where podrole is installed unless somebody says otherwise. */
const DEFAULT_NAMESPACE = "podrole-system";

/** Composition: options, API server, tasks, health. Everything it composes is tested without it. */
async function run(options: ControllerOptions): Promise<void> {
  const log = createLog(options.logLevel, "podrole-controller");
  const access = await findAccess(options.kubeconfig);
  const api = apiServer(access);
  const metrics = controllerMetrics(VERSION, () => tasks);
  const tasks: readonly Task[] = controllerTasks(options, {
    api,
    clock: systemClock,
    log,
    namespace: options.namespace ?? namespaceOf(access) ?? DEFAULT_NAMESPACE,
    countAction: metrics.countAction,
    countPolicies: metrics.countPolicies,
    observeBroker: metrics.broker,
  });
  const health = healthServer({ unready: () => unreadyOf(tasks), metrics: metrics.text });
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
    health.closeAllConnections();
    health.close();
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  await listenAt(health, options.host, options.port);
  log.info({ host: options.host, port: options.port, version: VERSION }, "listening");
  await Promise.all(tasks.map((one) => one.run(stopping.signal)));
  api.close();
}

try {
  await controllerCommand().action(run).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  console.error(oneLine(coded(error)));
  process.exit(1);
}
