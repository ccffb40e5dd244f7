import { request } from "node:https";
import { BROKER } from "../../sidecar/contract/broker.ts";
import type { KubeObject } from "./kube-client.ts";

/** An answer of the broker. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The parsed JSON. */
  readonly body: KubeObject;
}

interface Request {
  /** The broker's origin. */
  readonly url: string;
  readonly ca: string;
  readonly token: string | undefined;
  readonly asked: object;
}

/** Asks as a sidecar does, on a connection of its own. */
export function askBroker({ url, ca, token, asked }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const sent = request(url + BROKER.path, { method: "POST", ca, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }),
      );
    });
    sent.once("error", reject);
    sent.end(JSON.stringify(asked));
  });
}
