import { CodedError } from "../../sidecar/kit/errors.ts";
import type { CaFacts } from "../tls/state.ts";
import { BROKER_CA } from "./broker-bundle.ts";

/** An admin has written a CA of their own, and pods are to trust that one. */
export const bundleForeign = (configMap: string): CodedError =>
  new CodedError(
    "BROKER_CA_FOREIGN",
    `${BROKER_CA} in ConfigMap ${configMap} holds no CA of the controller's, so it stays as it is.`,
    {
      remedy: `Remove ${BROKER_CA}, and the controller writes its own CA. To keep yours, start the controller without --broker-certificates.`,
    },
  );

/** The clock is wrong, or nobody has looked for years. */
export const caNotValid = (secret: string, { notBefore, notAfter }: CaFacts, now: number): CodedError =>
  new CodedError(
    "BROKER_CA_NOT_VALID",
    `The broker's CA in Secret ${secret} is valid from ${day(notBefore)} to ${day(notAfter)}, and the controller's clock says ${day(now)}.`,
    {
      remedy: `Correct the clock of the controller's node. If it is right, wait an hour or delete the Secret: the controller makes another CA, and pods of source broker need a restart.`,
    },
  );

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
