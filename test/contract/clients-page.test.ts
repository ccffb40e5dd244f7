import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CLIENTS, UNTRIED } from "../sdk/clients.ts";
import { TRIALS } from "../sdk/report.ts";

/** The page names the clients that the suite runs, with their pinned versions. */

const INTRODUCTION = `# Clients

\`npm run test:sdk\` tests these unmodified clients. Each gets the environment that podrole gives to a container, its own sidecar, and
moto's STS and S3. These accept a request only if key, token and signature belong to a session that has not ended. The trials of each
client are: ${TRIALS.join(", ")}. The app has its token in a file and in a variable; in the refresh it has
the file alone, whose token is replaced meanwhile, and in the restart the variable alone. No client needs a setting for podrole.

If a client's error says little, read the sidecar's log, which has STS's answer (\`kubectl logs POD -c podrole-sidecar\`). Its metric
\`podrole_credential_requests_total\` counts the requests of the pod's programs by HTTP status; 403 is a wrong token.

This page is generated from the suite's own table: \`npx vitest run --config test/vitest.config.ts test/contract/clients-page.test.ts -u\`.
`;

const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function page(): string {
  const clients = CLIENTS.map(({ name, version, tells, note }) => row(name, version, tells, note));
  const head = [
    row("client", "version", "what its error shows of the sidecar's answer", "note"),
    row("---", "---", "---", "---"),
  ];
  const untried = UNTRIED.map(({ name, reason }) => `- ${name}: ${reason}`);
  return [INTRODUCTION, ...head, ...clients, "", "## Not tested", "", ...untried, ""].join("\n");
}

test("deploy/reference/clients.md lists every client of the suite with its version", async () => {
  const file = new URL("../../deploy/reference/clients.md", import.meta.url);
  await expect(page()).toMatchFileSnapshot(fileURLToPath(file));
});

test("no client is listed both as tested and as not tested", () => {
  const names = [...CLIENTS, ...UNTRIED].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
