import { KubeConfig } from "@kubernetes/client-node";

/** A kubeconfig file, or what kubectl would use without one. */
export function loadKubeConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  return config;
}
