#!/usr/bin/env python3
"""A client of a Restante hub, whole: opens a session by socket, by port or through a broker, and reads the newest mail.

    RESTANTE_PASSWORD=… hub.py --socket ~/.local/share/restante/hub/hub.sock alice@home.example
    RESTANTE_PASSWORD=… hub.py --port hub.example:7897 --tls alice@home.example
    RESTANTE_PASSWORD=… hub.py --amqp amqp://hub:secret@broker/ alice@home.example

Frames are a length of four bytes, big-endian, and so much JSON (docs/protocol/hub.md). Only --amqp needs more than Python:
the package pika (Debian: python3-pika).
"""
import argparse
import getpass
import json
import os
import socket
import ssl
import struct
import sys
import uuid

LOCATE_QUEUE = "restante.hub.locate"
DIRECT_REPLY = "amq.rabbitmq.reply-to"
ANSWER_BYTES_MAX = 64 * 1024 * 1024
MAIL = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]


class HubError(Exception):
    """What the hub refused: a code, and what to do."""


def locate(url, user):
    """Asks the broker which host has the user: (host, port, tls). The password does not go there."""
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        answers = []
        channel.basic_consume(DIRECT_REPLY, lambda *message: answers.append(message[3]), auto_ack=True)
        properties = pika.BasicProperties(reply_to=DIRECT_REPLY, correlation_id=str(uuid.uuid4()), expiration="10000")
        channel.basic_publish("", LOCATE_QUEUE, json.dumps({"user": user}).encode(), properties)
        connection.process_data_events(time_limit=10)
    finally:
        connection.close()
    if not answers:
        raise HubError("late: no hub host answered")
    answer = json.loads(answers[0])
    if "error" in answer:
        raise HubError("%(code)s: %(message)s" % answer["error"])
    return answer["host"], answer["port"], answer["tls"]


class Session:
    """An open session. `token` opens it again; keep it like a password."""

    def __init__(self, stream, credential):
        self.stream = stream
        self.pushed = []
        self.count = 0
        self.send({"open": credential})
        answer = self.receive()
        if "error" in answer:
            raise HubError("%(code)s: %(message)s" % answer["error"])
        self.__dict__.update(answer["opened"])

    def send(self, message):
        data = json.dumps(message).encode()
        self.stream.sendall(struct.pack(">I", len(data)) + data)

    def receive(self):
        (size,) = struct.unpack(">I", self.read(4))
        if size > ANSWER_BYTES_MAX:
            raise HubError("too_large: a frame of %d bytes" % size)
        return json.loads(self.read(size))

    def read(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.stream.recv(size - len(data))
            if not part:
                raise HubError("cut: the hub ended the connection")
            data += part
        return bytes(data)

    def request(self, method_calls, using=MAIL):
        """One JMAP request; what is pushed meanwhile is kept in `pushed`."""
        self.count += 1
        self.send({"id": self.count, "request": {"using": using, "methodCalls": method_calls}})
        while True:
            message = self.receive()
            if "push" in message:
                self.pushed.append(message["push"])
            elif message.get("id") == self.count:
                if "error" in message:
                    raise HubError("%(code)s: %(message)s" % message["error"])
                return message["response"]


def dial(options):
    if options.socket:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(options.socket)
        return stream
    if options.amqp:
        host, port, tls = locate(options.amqp, options.user)
    else:
        host, port = options.port.rsplit(":", 1)
        tls = options.tls
    stream = socket.create_connection((host, int(port)), timeout=60)
    return ssl.create_default_context(cafile=options.ca).wrap_socket(stream, server_hostname=host) if tls else stream


def newest(session):
    """Subjects of the ten newest messages of the first account."""
    account = session.jmap["primaryAccounts"]["urn:ietf:params:jmap:mail"]
    ids = {"resultOf": "q", "name": "Email/query", "path": "/ids"}
    query = {"accountId": account, "sort": [{"property": "receivedAt", "isAscending": False}], "limit": 10}
    get = {"accountId": account, "#ids": ids, "properties": ["subject", "from", "receivedAt"]}
    answer = session.request([["Email/query", query, "q"], ["Email/get", get, "g"]])
    return [email["subject"] for email in answer["methodResponses"][1][1]["list"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--socket", help="the hub's socket on this host")
    way.add_argument("--port", help="HOST:PORT of a hub")
    way.add_argument("--amqp", help="the broker of several hubs")
    parser.add_argument("--tls", action="store_true", help="the port speaks TLS")
    parser.add_argument("--ca", help="a certificate authority of one's own (PEM)")
    parser.add_argument("--call", help="another request: JMAP method calls as JSON")
    parser.add_argument("user")
    options = parser.parse_args()
    password = os.environ.get("RESTANTE_PASSWORD") or getpass.getpass()
    try:
        session = Session(dial(options), {"user": options.user, "password": password})
        calls = json.loads(options.call) if options.call else None
        print(json.dumps(session.request(calls) if calls else newest(session)))
    except (HubError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
