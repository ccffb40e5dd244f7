import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { oneAtATime } from "../../../sidecar/kit/one-at-a-time.ts";

/** A connection, of which Node says in any order that answers were given to it and that they were sent. */
function connection() {
  const socket = { destroyed: false, parser: null, destroy: () => void (socket.destroyed = true) };
  const handled: unknown[] = [];
  const handle = oneAtATime((request) => void handled.push(request));
  return {
    handled,
    isOpen: () => !socket.destroyed,
    /** A request arrives. @returns its answer */
    ask: () => {
      const response = Object.assign(new EventEmitter(), { writableEnded: false });
      handle({ socket } as unknown as IncomingMessage, response as unknown as ServerResponse);
      return {
        give: () => (response.writableEnded = true),
        sent: () => void response.emit("finish"),
      };
    },
  };
}

test("a client may ask again when Node does not know yet that the answer it has read was sent", () => {
  const { ask, handled, isOpen } = connection();
  let before = ask();
  before.give();
  for (let index = 0; index < 5; index += 1) {
    const answer = ask();
    before.sent();
    answer.give();
    before = answer;
  }
  expect({ handled: handled.length, isOpen: isOpen() }).toEqual({ handled: 6, isOpen: true });
});

test("a client that asks again before it was answered is closed", () => {
  const { ask, handled, isOpen } = connection();
  ask();
  ask();
  ask();
  expect({ handled: handled.length, isOpen: isOpen() }).toEqual({ handled: 1, isOpen: false });
});

test("a client that does not read its answers is closed at its third request", () => {
  const { ask, handled, isOpen } = connection();
  ask().give();
  ask().give();
  expect(isOpen()).toBe(true);
  ask();
  expect({ handled: handled.length, isOpen: isOpen() }).toEqual({ handled: 2, isOpen: false });
});
