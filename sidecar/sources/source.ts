import type { SessionAsked } from "../contract/broker.ts";
import type { Parsed, Shape } from "../kit/env.ts";
import type { StsAction } from "../sts/role-request.ts";
import type { Chain, Issue } from "../sts/chain.ts";

/**
 * One way for the sidecar to get credentials, with everything that depends on it. Another source needs one file like those
 * beside this one, its name in the contract, and its entry in {@link file://./sources.ts}.
 */
export type IdentitySource = StsSource | BrokerSource;

interface AnySource<S extends Shape> {
  /** The variables that only this source reads. */
  readonly settings: S;
  /**
   * Whether the guard lets the sidecar's uid through to the metadata service. If so, the sidecar cannot check the guard by
   * connecting, and the emulated metadata service may pass on answers of the node's.
   */
  readonly reachesMetadata: boolean;
}

/** Gives the sidecar an identity of its own, as which it calls STS. */
export interface StsSource<S extends Shape = Shape> extends AnySource<S> {
  readonly callsSts: true;
  /** The STS call of an identity's first step: AssumeRoleWithWebIdentity takes neither external id nor tags. */
  readonly firstAction: StsAction;
  /** One attempt at the identity's credentials, to be called again and again. */
  issuer(settings: Parsed<S>, chain: Chain): Issue;
}

/** Has somebody else call STS. The sidecar knows its roles by name alone, and nothing of sessions, regions and endpoints. */
export interface BrokerSource<S extends Shape = Shape> extends AnySource<S> {
  readonly callsSts: false;
  /** One attempt at the identity's credentials, to be called again and again. */
  issuer(settings: Parsed<S>, asked: AskedOfBroker): Issue;
}

export interface AskedOfBroker extends SessionAsked {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called for every call, with `Success` or the code of its failure. */
  readonly onCall?: (code: string) => void;
}

/** Ties the types of a source's settings to its issuer. */
export const defineSource = <const S extends Shape>(source: StsSource<S>): StsSource<S> => source;
export const defineBrokerSource = <const S extends Shape>(source: BrokerSource<S>): BrokerSource<S> => source;
