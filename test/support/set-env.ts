import { onTestFinished } from "vitest";

/**
 * Sets variables of this process until the test ends, for AWS's code, which reads them only there.
 * All other variables that begin with AWS_ are removed meanwhile.
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
