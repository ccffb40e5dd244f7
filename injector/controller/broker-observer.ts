import type { CaFacts } from "../tls/state.ts";
import type { BrokerAction, BrokerSituation } from "./broker-plan.ts";

/** Told of what the metrics show. */
export interface BrokerObserver {
  readonly action: (action: BrokerAction["do"]) => void;
  /** After each look. */
  readonly cas: (cas: BrokerCas) => void;
  /** The CA is another one than pods trust. */
  readonly lost: () => void;
}

/** The CAs that there are. */
export interface BrokerCas {
  /** Of the certificate that the broker serves. */
  readonly served?: CaFacts;
  /** Of the next certificate. */
  readonly current?: CaFacts;
  readonly next?: CaFacts;
}

export const casIn = ({ authorities: { ca, next }, served }: BrokerSituation): BrokerCas => ({
  ...(served.ca ? { served: served.ca } : {}),
  ...(ca ? { current: ca } : {}),
  ...(next ? { next } : {}),
});
