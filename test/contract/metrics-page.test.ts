import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DURATION_BUCKETS, METRICS } from "../../injector/metrics-table.ts";

const INTRODUCTION = `# Metrics of the injector

Served as Prometheus text at \`GET /metrics\` of the webhook's port, over TLS. No label holds a name of a tenant's choosing,
so the number of series has an end. Dry runs are not counted.

This page is made from the table that the code uses: \`npx vitest run --config test/vitest.config.ts test/contract/metrics-page.test.ts -u\`.
`;

/** The page as the table has it. */
function page(): string {
  const sections = Object.entries(METRICS).map(([name, { type, help, labels }]) => {
    const buckets = type === "histogram" ? [`Buckets, in seconds: ${DURATION_BUCKETS.join(", ")}.`, ""] : [];
    const rows = Object.entries(labels).map(([label, holds]) => `| \`${label}\` | ${holds} |`);
    const table = rows.length === 0 ? [] : ["| Label | What it holds |", "|---|---|", ...rows, ""];
    return [`## ${name}`, "", `A ${type}. ${help}`, "", ...buckets, ...table].join("\n");
  });
  return [INTRODUCTION, ...sections].join("\n");
}

test("deploy/reference/metrics.md has every metric as the code has it", async () => {
  const file = new URL("../../deploy/reference/metrics.md", import.meta.url);
  await expect(page()).toMatchFileSnapshot(fileURLToPath(file));
});
