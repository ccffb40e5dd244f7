import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { LOOPBACK } from "../../sidecar/contract/pod.ts";
import { named, type Container, type EnvVar } from "../model/pod.ts";
import { finding, type Finding } from "../model/findings.ts";

/** SDKs and their HTTP libraries read either spelling, and not all of them both. */
const PROXIES = /^(?:HTTP|HTTPS|ALL)_PROXY$/i;
const EXEMPTIONS = ["NO_PROXY", "no_proxy"];

const hasProxy = (env: readonly EnvVar[]): boolean => env.some(({ name }) => PROXIES.test(name));
const exempted = (emulated: boolean): readonly string[] =>
  emulated ? [LOOPBACK, ...METADATA_ADDRESSES] : [LOOPBACK];

/** Those of the hosts that the list does not exempt yet. */
const missingIn = (value: string, hosts: readonly string[]): readonly string[] => {
  const listed = new Set(value.split(",").map((host) => host.trim()));
  return listed.has("*") ? [] : hosts.filter((host) => !listed.has(host));
};

/**
 * The environment with 127.0.0.1 exempt from the proxy, where the container has one, and the metadata service too where it
 * is emulated: a proxy would ask its own. The same array where nothing changes.
 */
export function proxied(env: readonly EnvVar[], emulated = false): readonly EnvVar[] {
  if (!hasProxy(env)) return env;
  const hosts = exempted(emulated);
  const present = EXEMPTIONS.filter((name) => env.some((variable) => variable.name === name));
  if (present.length === 0) return [...env, ...EXEMPTIONS.map((name) => ({ name, value: hosts.join(",") }))];
  const extended = env.map((variable) => {
    const isList = present.includes(variable.name) && variable.valueFrom == null;
    const missing = isList ? missingIn(variable.value ?? "", hosts) : [];
    return missing.length === 0
      ? variable
      : { ...variable, value: [variable.value, ...missing].filter(Boolean).join(",") };
  });
  return extended.every((variable, index) => variable === env[index]) ? env : extended;
}

/** A NO_PROXY that comes from a ConfigMap or Secret cannot be extended at admission. */
export function proxyFindings(container: Container, emulated = false): readonly Finding[] {
  const env = container.env ?? [];
  if (!hasProxy(env)) return [];
  const hosts = exempted(emulated).join(" and ");
  return env
    .filter(({ name, valueFrom }) => EXEMPTIONS.includes(name) && valueFrom != null)
    .map(({ name }) =>
      finding(
        "PROXY_NOT_EXEMPT",
        `${named(container)} takes ${name} from another object, so podrole cannot add ${hosts} to it.`,
        `Make sure that ${name} contains ${hosts}.`,
      ),
    );
}
