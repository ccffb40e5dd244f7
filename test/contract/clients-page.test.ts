import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CLIENTS, UNTRIED } from "../sdk/clients.ts";
import { TRIALS } from "../sdk/report.ts";

/** The page names the clients that the suite runs, with their pinned versions. */

const INTRODUCTION = `# Clients

What \`npm run test:sdk\` runs: unmodified clients, each with the environment that podrole gives to a container, a sidecar of
its own and moto's STS and S3, which take a request only if key, token and signature are those of a session that has not
ended. Each is put through: ${TRIALS.join(", ")}. None of them needs a setting of podrole's.

Where a client's error says little, the sidecar's log has what STS answered (\`kubectl logs POD -c podrole-sidecar\`), and its
metric \`podrole_credential_requests_total\` counts what the pod's programs asked by HTTP status; 403 is a wrong token.

This page is made from the suite's own table: \`npx vitest run --config test/vitest.config.ts test/contract/clients-page.test.ts -u\`.
`;

const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function page(): string {
  const clients = CLIENTS.map(({ name, version, tells, note }) => row(name, version, tells, note));
  const head = [
    row("client", "version", "its error tells of the sidecar's", "to know"),
    row("---", "---", "---", "---"),
  ];
  const untried = UNTRIED.map(({ name, reason }) => `- ${name}: ${reason}`);
  return [INTRODUCTION, ...head, ...clients, "", "## Not tried", "", ...untried, ""].join("\n");
}

test("deploy/reference/clients.md lists every client of the suite with its version", async () => {
  const file = new URL("../../deploy/reference/clients.md", import.meta.url);
  await expect(page()).toMatchFileSnapshot(fileURLToPath(file));
});

test("no client is listed both as tested and as not tested", () => {
  const names = [...CLIENTS, ...UNTRIED].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
