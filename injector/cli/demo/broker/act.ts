import type { Example } from "../admission/examples.ts";
import type { BrokerAnswer, BrokerFacts } from "../print/broker-facts.ts";
import type { Progress } from "../print/progress.ts";
import type { Stage } from "../stage.ts";
import type { Broker } from "./broker.ts";

/** What every act with the broker needs. */
export interface ActDeps {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly examples: readonly Example[];
  readonly progress: Progress;
  /** Reports what was seen at once. */
  readonly found: (facts: Partial<BrokerFacts>) => void;
}

/** As a step shows it. */
export const codeOf = ({ status, code, error }: BrokerAnswer): string =>
  error ?? `${status}${code === undefined ? "" : ` ${code}`}`;
