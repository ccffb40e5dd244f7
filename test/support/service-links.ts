/**
 * The variables that the kubelet sets in every container for the Services of the pod's namespace, unless the pod says
 * `enableServiceLinks: false`. Rule: `FromServices` in Kubernetes' pkg/kubelet/envvars.
 */
export function serviceLinks(...services: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(services.flatMap((service) => variablesOf(service, 80, "http")));
}

function variablesOf(
  service: string,
  port: number,
  portName: string,
): readonly (readonly [string, string])[] {
  const address = "10.96.0.99";
  const url = `tcp://${address}:${port}`;
  const name = variable(service);
  const link = `${name}_PORT_${port}_TCP`;
  return [
    [`${name}_SERVICE_HOST`, address],
    [`${name}_SERVICE_PORT`, String(port)],
    [`${name}_SERVICE_PORT_${variable(portName)}`, String(port)],
    [`${name}_PORT`, url],
    [link, url],
    [`${link}_PROTO`, "tcp"],
    [`${link}_PORT`, String(port)],
    [`${link}_ADDR`, address],
  ];
}

const variable = (name: string): string => name.replaceAll("-", "_").toUpperCase();

/** Whether a Service could have a name, or a port's name, that makes this variable. */
export const canBeMadeByAService = (name: string): boolean =>
  /^[A-Z0-9_]+(?:_SERVICE_HOST|_SERVICE_PORT(?:_[A-Z0-9_]+)?|_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/.test(
    name,
  );

/** Services whose variables begin like those of podrole, the AWS SDK, Node and the system. */
export const LIKE_OURS: readonly string[] = [
  "podrole podrole-imds podrole-health podrole-listen podrole-listen-imds podrole-sidecar podrole-open-uid",
  "podrole-blocked-addresses podrole-source podrole-start aws aws-region aws-endpoint-url",
  "aws-container-credentials-full-uri aws-web-identity-token-file node node-options node-extra-ca-certs",
  "uv-threadpool openssl-conf http-proxy home path",
].flatMap((line) => line.split(" "));
