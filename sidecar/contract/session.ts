/** Where the sidecar's own AWS identity comes from. */
export const SOURCES = ["web-identity", "node", "ambient", "broker"] as const;
export type Source = (typeof SOURCES)[number];

/** The form of a region's name, which becomes part of the host that is called. */
export const AWS_REGION = /^[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/;

/**
 * One call that turns an identity into a role. The first step of source `web-identity` is an
 * AssumeRoleWithWebIdentity, every other step an AssumeRole with the credentials of the step before.
 * Values of `tags` may hold the placeholders of {@link PLACEHOLDERS}.
 */
export interface Step {
  readonly roleArn: string;
  /** 900 to 43200; absent in the last step: {@link SESSION_SECONDS}. STS allows a chained session one hour at most. */
  readonly durationSeconds?: number;
  readonly externalId?: string;
  readonly policy?: string;
  /** ARNs of managed policies, {@link POLICY_ARNS_MAX} at most: the session may do what they allow and no more. */
  readonly policyArns?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Keys of `tags` that a role assumed with this session inherits and cannot set anew. */
  readonly transitiveTagKeys?: readonly string[];
}

export const POLICY_ARNS_MAX = 10;

/** SDKs refresh 15 minutes before the end, so they would soon fetch a session of less than an hour for every call. */
export const SESSION_SECONDS = 3600;

/**
 * One session that the sidecar holds, and the token that gives access to it. A pod has one of its own, and one for every
 * container that `podrole.dev/role.<container>` gives a role. The token is in a file, in a variable, or there is one in
 * each: either gives access.
 */
export interface Identity {
  /** {@link POD_IDENTITY} or {@link containerIdentity}: for logs, metrics and messages. */
  readonly name: string;
  /** Where the sidecar has the file with the token, see {@link IDENTITY_TOKEN}: an absolute path. */
  readonly tokenFile?: string;
  /** SHA-256, in hex, of the token in its containers' variable. The sidecar does not know that token itself. */
  readonly tokenSha256?: string;
  /** The last one is the identity's role. */
  readonly steps: readonly Step[];
}

export const POD_IDENTITY = "pod";
/** A container's name has no slash, so it cannot be mistaken for the pod. */
export const containerIdentity = (container: string): string => `container/${container}`;

/** Each identity costs an engine, a session and a call to STS an hour. */
export const IDENTITIES_MAX = 10;

/** In session names and tag values. Known only once the pod exists, so the sidecar fills them in. */
export const PLACEHOLDERS = ["{namespace}", "{serviceAccount}", "{pod}", "{podUid}"] as const;
