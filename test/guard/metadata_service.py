"""Stands in for EC2's metadata service, in good order or not. Answers at port 80 of each address as the JSON in its argument says:

    {address: {"put": answer, "get": answer, "getWithToken": answer, "token": text}}
    answer: {"text": bytes to send, "hopLimit": TTL, "afterSeconds": wait, "stays": whether it leaves the connection open}

A request without its answer there is never answered. Text that is empty closes the connection without a byte. Prints `ready` once all of
it listens.
"""

import json
import socket
import sys
import threading
import time

HOP_LIMITS = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}


def request_of(client: socket.socket) -> str:
    head = b""
    while b"\r\n\r\n" not in head and (part := client.recv(4096)):
        head += part
    return head.decode("latin1")


def answer_for(service: dict, request: str) -> dict | None:
    if request.startswith("PUT "):
        return service.get("put")
    has_token = f"\r\nX-aws-ec2-metadata-token: {service['token']}\r\n" in request
    return service.get("getWithToken" if has_token else "get")


def serve(client: socket.socket, service: dict) -> None:
    try:
        answer = answer_for(service, request_of(client))
        if answer is None:
            time.sleep(60)
            return
        time.sleep(answer.get("afterSeconds", 0))
        # From here on, and for this answer only. What the kernel sends of its own accord has left before, with its usual TTL.
        if "hopLimit" in answer:
            client.setsockopt(*HOP_LIMITS[client.family], answer["hopLimit"])
        client.sendall(answer["text"].encode())
        if answer.get("stays"):
            time.sleep(60)
    except OSError:
        pass
    finally:
        client.close()


def listen(address: str, service: dict) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 80), family=family, backlog=64)

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], service), daemon=True).start()

    threading.Thread(target=accept).start()


if __name__ == "__main__":
    for where, behaviour in json.loads(sys.argv[1]).items():
        listen(where, behaviour)
    print("ready", flush=True)
