/** Faults between the API server and the injector. test/cluster/api-server-words.test.ts causes each of them. */
export type Fault =
  | "no replica is ready"
  | "no replica is ready, with endpoint routing"
  | "there is no Service"
  | "packets are dropped"
  | "another CA"
  | "another name"
  | "an expired certificate"
  | "it hangs up";

interface Words {
  readonly fault: Fault;
  /** The API server's answer; `…` stands for parts that vary. */
  readonly says: string;
  readonly todo: string;
}

/** The beginning of all its messages; the page shows it once. */
export const CALLING =
  'Internal error occurred: failed calling webhook "pods.podrole.dev": failed to call webhook: Post "https://podrole-injector.podrole-system.svc:443/mutate?timeout=5s": ';
const X509 = "tls: failed to verify certificate: x509: ";

/** The reason why it could not call the injector. It follows {@link CALLING} in the message. */
export const API_SERVER_WORDS: readonly Words[] = [
  {
    fault: "no replica is ready",
    says: "dial tcp …: connect: connection refused",
    todo: "No replica is ready. Look at `kubectl -n podrole-system get pods` and at a replica's log. `/readyz` has a code: see [the injector](#the-injector).",
  },
  {
    fault: "no replica is ready, with endpoint routing",
    says: 'no endpoints available for service "podrole-injector"',
    todo: "No replica is ready, as above. An API server that calls replicas directly, as managed ones often do, says it like this.",
  },
  {
    fault: "there is no Service",
    says: 'service "podrole-injector" not found',
    todo: "podrole was removed and its webhook configuration was not. Install podrole again, or follow [uninstall](operations.md#uninstall).",
  },
  {
    fault: "packets are dropped",
    says: "context deadline exceeded",
    todo: "Something between control plane and replicas drops packets: a security group, a firewall rule (private GKE: `port: 10250`), the chart's NetworkPolicy. Or the control plane cannot reach pod addresses: set the chart's value `hostNetwork: true`.",
  },
  {
    fault: "another CA",
    says: `${X509}certificate signed by unknown authority`,
    todo: "The `caBundle` does not hold the CA of the served certificate. The controller corrects it within ten seconds. If it stays wrong, a GitOps tool resets it, or a `TLS_` code in the controller's log gives the reason.",
  },
  {
    fault: "another name",
    says: `${X509}certificate is valid for …, not podrole-injector.podrole-system.svc`,
    todo: "With `tls.mode` files or cert-manager: make the certificate for the name behind `not`. Otherwise `--service` or `--namespace` is not that of the Service.",
  },
  {
    fault: "an expired certificate",
    says: `${X509}certificate has expired or is not yet valid: …`,
    todo: "With `tls.mode` files or cert-manager: renew it. Otherwise check the clocks, and look for a `TLS_` code in the logs of injector and controller.",
  },
  {
    fault: "it hangs up",
    says: "EOF",
    todo: "The connection ended before the answer. Try again. If it happens again, look at the restarts of the replicas, and at proxies between API server and injector.",
  },
];
