/** What to do if the broker cannot be reached, or is not trusted. `why` is Node's code of the error. */

/** Of a certificate that no CA in the pod has signed. */
const UNTRUSTED = /^(?:(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT))/;
const OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";
const OUT_OF_TIME = /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/;
/** UNSPECIFIED is Node's code for a reason of OpenSSL's that it has no code for, such as a certificate signed by one of a server. */
const OTHERWISE = /^(?:CERT_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|UNSPECIFIED$)/;

/** Whether there was a certificate, and it is not accepted. */
export const isCertificate = (why: string): boolean =>
  UNTRUSTED.test(why) || why === OTHER_NAME || OTHERWISE.test(why);

export function certificateRemedy(why: string): string {
  if (why === OTHER_NAME) {
    return "Ask a cluster admin to see what answers there, and whether the setting brokerUrl names a host of the broker's certificate. When brokerUrl has changed, restart the pod.";
  }
  if (OUT_OF_TIME.test(why)) {
    return "Ask a cluster admin to check the clock of the pod's node, and to see in the controller's log why it does not renew the broker's certificate (Secret podrole-broker-tls).";
  }
  return "Restart the pod: the CA that podrole wrote into it may not be the broker's any more. If that does not help, ask a cluster admin to see what answers in the broker's place.";
}

export function unreachableRemedy(why: string): string {
  if (/^(?:ENOTFOUND|EAI_)/.test(why)) {
    return "See that the pod's dnsPolicy is one that resolves names of the cluster (ClusterFirst), and that no NetworkPolicy keeps the pod from DNS. Otherwise ask a cluster admin to see whether the broker's Service exists.";
  }
  if (why === "EPROTO" || why.startsWith("ERR_SSL_")) {
    return "What answers there speaks no TLS. Ask a cluster admin to see where the broker's Service leads to, and what is in between, such as a service mesh.";
  }
  if (why === "ECONNREFUSED") {
    return "Ask a cluster admin to see whether any replica of the broker is ready, and if none is, why (podrole check). Otherwise see that no NetworkPolicy keeps the pod from the broker.";
  }
  return ROUTE_REMEDY;
}

export const ROUTE_REMEDY =
  "See that no NetworkPolicy keeps the pod from the broker or from DNS. Otherwise ask a cluster admin to see whether the broker is ready (podrole check).";
