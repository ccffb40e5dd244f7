import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface DefaultLevel {
  /** Of the API server. */
  readonly flag: string;
  /** Removes the file that the flag names. */
  readonly remove: () => void;
}

/** The Pod Security level of namespaces without a label, as an administrator sets it for the whole cluster. */
export function defaultLevel(
  level: "baseline" | "restricted",
  exemptNamespaces: readonly string[] = [],
): DefaultLevel {
  const folder = mkdtempSync(join(tmpdir(), "podrole-levels-"));
  const file = join(folder, "admission.yaml");
  const configuration = {
    apiVersion: "pod-security.admission.config.k8s.io/v1",
    kind: "PodSecurityConfiguration",
    defaults: { enforce: level, "enforce-version": "latest" },
    exemptions: { namespaces: exemptNamespaces },
  };
  const plugins = [{ name: "PodSecurity", configuration }];
  const content = { apiVersion: "apiserver.config.k8s.io/v1", kind: "AdmissionConfiguration", plugins };
  writeFileSync(file, JSON.stringify(content));
  return {
    flag: `--admission-control-config-file=${file}`,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
