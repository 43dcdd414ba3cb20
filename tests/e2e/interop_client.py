"""Sends numbered messages with Python's websockets: URL, subprotocol or "", "text" or "binary", count, fragments."""

import asyncio
import json
import struct
import sys

import websockets

URL, PROTOCOL, KIND, COUNT, FRAGMENTS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])


def message(n):
    if KIND == "text":
        return '{"n":%d,"pad":"%s"}' % (n, "é€𝄞" * (n % 40))
    return struct.pack(">I", n) + bytes([n & 255]) * (70_000 if n % 500 == 499 else n % 300)


def fragments(whole):
    size = len(whole) // FRAGMENTS + 1
    return [whole[at : at + size] for at in range(0, len(whole), size)]


async def main():
    offered = [PROTOCOL] if PROTOCOL else None
    async with websockets.connect(URL, subprotocols=offered, max_size=None) as socket:
        assert socket.subprotocol == (PROTOCOL or None), socket.subprotocol
        credit, acked, accepted, sent = COUNT, 0, 0, 0
        if PROTOCOL:
            hello = json.loads(await socket.recv())
            assert hello["type"] == "hello", hello
            credit = hello["credit"]
        while sent < COUNT or (PROTOCOL and acked < COUNT):
            while sent < COUNT and (not PROTOCOL or sent - acked < credit):
                whole = message(sent)
                await socket.send(fragments(whole) if FRAGMENTS > 1 else whole)
                sent += 1
            if PROTOCOL:
                ack = json.loads(await socket.recv())
                assert ack["type"] == "ack", ack
                acked, credit = ack["seq"], ack["credit"]
                accepted += ack["accepted"]
        assert not PROTOCOL or accepted == COUNT, accepted
    print(socket.close_code)


asyncio.run(main())
