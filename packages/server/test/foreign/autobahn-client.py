"""A client of exai.v1 written with Autobahn|Python: hello, one call with its pieces, one that is refused, goodbye.

Usage: autobahn-client.py URL TOKEN. Prints every frame it got as one line of JSON, then {"closed": code, "clean": bool}.
"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

URL, TOKEN = sys.argv[1], sys.argv[2]


class Agent(WebSocketClientProtocol):
    def onConnect(self, response):
        print(json.dumps({"protocol": response.protocol}), flush=True)

    def onOpen(self):
        client = {"name": "autobahn", "version": "1"}
        self.say({"type": "hello", "version": "exai.v1", "client": client, "token": TOKEN})

    def onMessage(self, payload, isBinary):
        frame = json.loads(payload.decode("utf8"))
        print(json.dumps(frame), flush=True)
        if frame["type"] == "welcome":
            arguments = {"prompt": "grüße aus python 🐍", "provider": "glm", "simulate": {"serviceMs": 20}}
            self.say({"type": "call", "id": "chat", "tool": "chat_EXAI-WS", "arguments": arguments})
        elif frame.get("id") == "chat" and frame["type"] in ("result", "error"):
            self.say({"type": "ack", "seq": frame["seq"]})
            self.say({"type": "call", "id": "none", "tool": "no_such_tool"})
        elif frame.get("id") == "none":
            self.sendClose(1000, "bye")

    def onClose(self, wasClean, code, reason):
        print(json.dumps({"closed": code, "clean": wasClean}), flush=True)
        asyncio.get_running_loop().stop()

    def say(self, frame):
        self.sendMessage(json.dumps(frame).encode("utf8"))


async def connect():
    # An application may ping and split its messages as it likes.
    factory = WebSocketClientFactory(URL, protocols=["exai.v1"])
    factory.protocol = Agent
    factory.setProtocolOptions(autoPingInterval=0.05, autoPingTimeout=5, autoFragmentSize=16)
    at = urlsplit(URL)
    await asyncio.get_running_loop().create_connection(factory, at.hostname, at.port)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.create_task(connect())
loop.run_forever()
