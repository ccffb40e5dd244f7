/** What the suite's programs agree on. The ports are of network namespaces that have nothing else in them. */
export const NODE_IP = "10.90.0.1";
export const POD_IP = "10.90.0.2";
export const STS_PORT = 4566;
export const S3_PORT = 4567;
export const HEALTH_PORT = 4568;

export const WEB_TOKEN = "header.payload.signature";

/** Whose keys a client may be found to have. */
export interface Owner {
  readonly role: string;
  /** The ARN that STS gives such a caller. */
  readonly session: string;
}

export const POD: Owner = {
  role: "billing-reader",
  session: "arn:aws:sts::111122223333:assumed-role/billing-reader/shop.web-5d5f-x7f2q",
};
export const NODE: Owner = {
  role: "the-nodes-own",
  session: "arn:aws:sts::999999999999:assumed-role/the-nodes-own/i-0123456789abcdef0",
};
export const NODE_ROLE_ARN = "arn:aws:iam::999999999999:role/the-nodes-own";
