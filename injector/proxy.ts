import { LOOPBACK } from "../sidecar/contract.ts";
import type { Container, EnvVar } from "./pod.ts";
import { finding, type Finding } from "./findings.ts";

/** SDKs and their HTTP libraries read either spelling, and not all of them both. */
const PROXIES = /^(?:HTTP|HTTPS|ALL)_PROXY$/i;
const EXEMPTIONS = ["NO_PROXY", "no_proxy"];

const hasProxy = (env: readonly EnvVar[]): boolean => env.some(({ name }) => PROXIES.test(name));
const exempts = (value: string): boolean =>
  value.split(",").some((host) => ["*", LOOPBACK].includes(host.trim()));

/** The environment with 127.0.0.1 exempt from the proxy, where the container has one; the same array where nothing changes. */
export function proxied(env: readonly EnvVar[]): readonly EnvVar[] {
  if (!hasProxy(env)) return env;
  const present = EXEMPTIONS.filter((name) => env.some((variable) => variable.name === name));
  if (present.length === 0) return [...env, ...EXEMPTIONS.map((name) => ({ name, value: LOOPBACK }))];
  const extended = env.map((variable) =>
    present.includes(variable.name) && variable.valueFrom == null && !exempts(variable.value ?? "")
      ? { ...variable, value: [variable.value, LOOPBACK].filter(Boolean).join(",") }
      : variable,
  );
  return extended.every((variable, index) => variable === env[index]) ? env : extended;
}

/** A NO_PROXY that comes from a ConfigMap or Secret cannot be extended at admission. */
export function proxyFindings(container: Container): readonly Finding[] {
  const env = container.env ?? [];
  if (!hasProxy(env)) return [];
  return env
    .filter(({ name, valueFrom }) => EXEMPTIONS.includes(name) && valueFrom != null)
    .map(({ name }) =>
      finding(
        "PROXY_NOT_EXEMPT",
        `Container ${JSON.stringify(container.name)} takes ${name} from elsewhere, so 127.0.0.1 could not be added to it.`,
        `Make sure that ${name} holds 127.0.0.1.`,
      ),
    );
}
