import { afterAll, beforeAll, describe } from "vitest";
import { canImport } from "../sdk/python.ts";
import { whyNoHelm } from "../support/helm.ts";
import { openBrokerCluster, type BrokerCluster } from "./broker-rig.ts";
import { brokerRefusedStart } from "./broker-refused-start.ts";
import { brokerReplicas } from "./broker-replicas.ts";
import { brokerRules } from "./broker-rules.ts";
import { brokerSessions } from "./broker-sessions.ts";
import { brokerThreats } from "./broker-threats.ts";
import { whyNot } from "./control-plane.ts";

const noMoto = canImport("moto.server") ? undefined : "no python package moto[server]";
const reason = whyNot() ?? whyNoHelm() ?? noMoto;

describe.skipIf(reason !== undefined)(
  `source broker at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let cluster: BrokerCluster;
    beforeAll(async () => {
      cluster = await openBrokerCluster();
      await cluster.namespace("shop", "reader", "writer", "unsourced", "distrusting", "slow", "short");
    });
    afterAll(() => cluster?.close());

    brokerSessions(() => cluster);
    brokerRules(() => cluster);
    brokerReplicas(() => cluster);
    brokerRefusedStart(() => cluster);
    // The last: it looks at all that was printed.
    brokerThreats(() => cluster);
  },
);
