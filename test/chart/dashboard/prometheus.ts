import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { runChild } from "../../support/child.ts";
import { freePort } from "../../support/free-port.ts";
import { tempFolder } from "../../support/temp-files.ts";
import { until } from "../../support/until.ts";
import type { Target } from "./installation.ts";

/** Values of the series that a query gives now. @throws Error if Prometheus refuses the query */
export type Query = (expr: string) => Promise<readonly number[]>;

/** A Prometheus server on loopback that scrapes these targets every second. Both end with the test. */
export async function prometheusOf(program: string, targets: readonly Target[]): Promise<Query> {
  const port = await serveTargets(targets);
  const own = await freePort();
  const folder = tempFolder();
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s" },
    scrape_configs: targets.map(({ labels }, index) => ({
      job_name: String(index),
      metrics_path: `/${index}`,
      static_configs: [{ targets: [`127.0.0.1:${port}`], labels }],
    })),
  };
  // JSON is YAML.
  writeFileSync(join(folder, "prometheus.yaml"), JSON.stringify(config));
  const started = runChild(
    program,
    [
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${own}`,
    ],
    process.env,
  );
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${own}${path}`, {
      method: path === "/-/ready" ? "GET" : "POST",
    });
    if (path === "/-/ready") return response.ok;
    return response.json();
  };
  await until(`Prometheus: ${started.output()}`, async () =>
    (await ask("/-/ready").catch(() => false)) === true ? true : undefined,
  );
  return async (expr) => {
    const answer = (await ask(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as {
      readonly error?: string;
      readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
    };
    if (answer.data === undefined) throw new Error(`${expr}: ${answer.error}`);
    return answer.data.result.map(({ value }) => Number(value[1]));
  };
}

/** Each target below a path of its own: its place in the list. */
async function serveTargets(targets: readonly Target[]): Promise<number> {
  const server = createServer((request, response) => {
    const target = targets[Number(request.url?.slice(1))];
    void Promise.resolve(target?.text() ?? "").then((text) =>
      response.setHeader("content-type", "text/plain; version=0.0.4").end(text),
    );
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}
