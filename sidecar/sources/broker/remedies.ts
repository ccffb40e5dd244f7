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
    return "See what answers there in the broker's place. The certificate that the controller makes holds the name of the broker's Service; if the setting brokerUrl has another, correct it and restart the pod.";
  }
  if (OUT_OF_TIME.test(why)) {
    return "Set the node's clock, or see in the controller's log why it does not renew the broker's certificate (Secret podrole-broker-tls).";
  }
  return "The CA that podrole wrote into this pod may not be the broker's any more: restart the pod. If that does not help, see what answers in the broker's place.";
}

export function unreachableRemedy(why: string): string {
  if (/^(?:ENOTFOUND|EAI_)/.test(why)) {
    return "See that the broker's Service exists, that the pod's dnsPolicy is one that resolves names of the cluster (ClusterFirst), and that no NetworkPolicy keeps the pod from DNS.";
  }
  if (why === "EPROTO" || why.startsWith("ERR_SSL_")) {
    return "What answers there speaks no TLS: see where the broker's Service leads to, and what is in between, such as a service mesh.";
  }
  return ROUTE_REMEDY;
}

export const ROUTE_REMEDY =
  "See that the broker runs and its Service has endpoints, and that no NetworkPolicy keeps the pod from it or from DNS.";
