import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import type { Pod } from "../../injector/model/pod.ts";

/** A pod with which Kubernetes itself tests its Pod Security level `baseline`. */
export interface SecurityFixture {
  /** The file's name, such as `fail/sysctls0`. */
  readonly name: string;
  /** The control that it tests, such as `sysctls`. */
  readonly control: string;
  readonly isAllowed: boolean;
  readonly pod: Pod;
}

const ASSETS =
  process.env["KUBEBUILDER_ASSETS"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "podrole-kube-1.36.1");
const FOLDER = join(ASSETS, "pod-security", "baseline");

/** Why these pods cannot be tried on this machine, or undefined. Shown in the titles of skipped tests. */
export const whyNoSecurityFixtures = (): string | undefined =>
  existsSync(FOLDER) ? undefined : "no pod-security/ from .ci/kube-assets";

/** The version of the level that the fixtures are for, such as `v1.35`. */
export const securityVersion = (): string => readdirSync(FOLDER)[0] ?? "";

/** Every fixture of the newest version; none where {@link whyNoSecurityFixtures} has a reason. */
export function securityFixtures(): readonly SecurityFixture[] {
  if (whyNoSecurityFixtures() !== undefined) return [];
  return ["fail", "pass"].flatMap((outcome) => {
    const folder = join(FOLDER, securityVersion(), outcome);
    return readdirSync(folder).map((file) => ({
      name: `${outcome}/${file.replace(".yaml", "")}`,
      control: file.replace(/\d*\.yaml$/, ""),
      isAllowed: outcome === "pass",
      pod: named(parse(readFileSync(join(folder, file), "utf8")) as Pod),
    }));
  });
}

/** Most names in the files are no names of pods. */
const named = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, name: "web" } });

/** The finding that a fixture gets: the node's network goes first, whatever else the pod has. */
export const codeOf = ({ control, pod }: SecurityFixture): string | undefined =>
  pod.spec.hostNetwork === true ? "HOST_NETWORK" : CODES[control];

const CODES: Readonly<Record<string, string>> = {
  apparmorprofile: "APPARMOR_FORBIDDEN",
  capabilities_baseline: "CAPABILITY_FORBIDDEN",
  hostnamespaces: "HOST_NAMESPACE",
  hostpathvolumes: "HOST_PATH",
  hostports: "HOST_PORT",
  hostprobesandhostlifecycle: "PROBE_HOST",
  privileged: "PRIVILEGED",
  procmount: "PRIVILEGED",
  seccompprofile_baseline: "SECCOMP_FORBIDDEN",
  selinuxoptions: "SELINUX_FORBIDDEN",
  sysctls: "SYSCTL_FORBIDDEN",
  windowshostprocess: "PRIVILEGED",
};

/**
 * The line that a suite prints, for each who answers.
 * @param rounds how often the suite tries each pod
 */
export const countLine = (by: string, right: number, rounds: number): string => {
  const all = securityFixtures();
  const denied = all.filter(({ isAllowed }) => !isAllowed).length;
  const pods = `${all.length} pods (${denied} to deny) of Kubernetes' own tests of level baseline ${securityVersion()}`;
  return `${by}: ${right} of ${all.length * rounds} answers right, to ${pods}\n`;
};
