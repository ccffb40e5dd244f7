import { baseOf } from "../../../injector/config/base-of-caller.ts";
import type { Written } from "../../../injector/config/read-config.ts";
import { configFileSource, missingConfigMap, notFollowed } from "../../../injector/cluster/config-source.ts";
import { configInForce } from "../../../injector/cluster/config-in-force.ts";
import { systemClock } from "../../../sidecar/kit/clock.ts";
import type { CodedError } from "../../../sidecar/kit/errors.ts";
import { silent } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import type { Row } from "./row.ts";

const CORRECT =
  "Correct the key in the ConfigMap. `deploy/reference/options.md` says what each setting takes.";

/** What `/readyz`, the log and the metric say of the settings. */
export async function settingsRows(): Promise<readonly Row[]> {
  const config = () =>
    configInForce({
      clock: systemClock,
      log: silent,
      complete: async (taken) => taken.config,
      signal: new AbortController().signal,
    });
  const refused = (written: Written): Row => {
    const one = config();
    one.see({ written, writtenAt: 0 });
    const { code, message } = one.refused() ?? { code: "", message: "taken" };
    return { says: `${code}: ${message}`, todo: CORRECT };
  };
  const row = ({ code, message, remedy }: CodedError): Row => ({
    says: `${code}: ${message}`,
    todo: remedy ?? CORRECT,
  });
  return [
    refused({ polcy: "off" }),
    refused({ policy: "enforced" }),
    refused({ defaultRole: "billing-reader" }),
    refused({ block: "169.254.169.253" }),
    refused({ block: "169.254.169.254, fd00:ec2::254" }),
    refused({ credentialsPort: "20000", healthPort: "20000" }),
    refused({ source: "ambient" }),
    refused({ stsEndpoint: "https://sts.example", stsFips: "true" }),
    refused({ roleKey: "podrole.dev/region" }),
    {
      ...refused({ version: "9.9.9" }),
      todo: "Do as the message says. Until then the former settings stay in force.",
    },
    row(missingConfigMap("podrole-system", "podrole-config")),
    row(notFollowed("podrole-system", "podrole-config", "HTTP 403")),
    row(await thrown(() => baseOf("arn:aws:iam::aws:nobody"))),
    row(await thrown(() => configFileSource("/nowhere/config.yaml"))),
  ];
}
