import { onTestFinished } from "vitest";

/**
 * Sets variables of this very process until the test ends. Only for what AWS's own code reads there and nowhere else;
 * whatever else begins with AWS_ is taken away meanwhile.
 */
export function setEnv(variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  Object.assign(process.env, variables);
  onTestFinished(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  });
}
