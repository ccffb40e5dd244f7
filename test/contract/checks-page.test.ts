import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WARNINGS } from "../../injector/cli/trust/document.ts";
import { CHECKS } from "../../injector/cli/check/result.ts";

const INTRODUCTION = `# Checks

The checks of \`podrole check\`, in the order of its report. Each has one of four results:

- \`ok\`
- \`warn\`: it works, and could be better.
- \`fail\`: it is broken. The command exits with 1.
- \`skip\`: it could not be checked. The report gives the reason.

If the API server does not answer, does not accept the kubeconfig's credentials, or lets its user read nothing of podrole, or if podrole is
not installed there, one line says so in place of a report, and the command exits with 1. With \`-o json\` the checks are there all the same.

This page is generated from the table that the code uses: \`npx vitest run --config test/vitest.config.ts test/contract/checks-page.test.ts -u\`.
`;

/** The page as it follows from the table of checks. */
function page(): string {
  const groups = Map.groupBy(Object.entries(CHECKS), ([, { group }]) => group);
  const sections = [...groups].map(([group, checks]) => {
    const rows = checks.map(([code, { about }]) => `| \`${code}\` | ${about} |`);
    return [`## ${group}`, "", "| check | it is ok if |", "|---|---|", ...rows, ""].join("\n");
  });
  return [INTRODUCTION, ...sections].join("\n");
}

test("deploy/reference/checks.md lists every check of the code", async () => {
  const file = new URL("../../deploy/reference/checks.md", import.meta.url);
  await expect(page()).toMatchFileSnapshot(fileURLToPath(file));
});

test("each check is described in one sentence, and its code has the form of a finding's code", () => {
  for (const { about } of Object.values(CHECKS)) expect(about).toMatch(/^[A-Z].+\.$/);
  for (const code of [...Object.keys(CHECKS), ...WARNINGS]) expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
});
