# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""What the tests share: clients of Microsoft's SDK as an application makes them."""

import functools
import json
import os
import pathlib
import signal
import unittest
import urllib.request

from azure.communication.chat import ChatClient, ChatParticipant, CommunicationTokenCredential
from azure.communication.identity import CommunicationIdentityClient
from azure.core.exceptions import HttpResponseError

# A test that hangs must not hold up the whole suite.
TEST_TIMEOUT = 60

NOBODYS_THREAD = "19:00000000000000000000000000000000@thread.v2"
STRANGER = "8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999"

# Options of a client with which a test sees the first refusal instead of the outcome of some retries.
ONCE = {"retry_total": 0}


def out_of_time(*_):
    raise AssertionError(f"not done after {TEST_TIMEOUT} s")


class User:
    """An identity that is signed in."""

    def __init__(self, identifier, token, chat):
        self.id = identifier
        self.token = token
        self.chat = chat

    def participant(self, **options):
        return ChatParticipant(identifier=self.id, **options)


class EmulatorTest(unittest.TestCase):
    """A test against one of the emulators that run.py starts."""

    emulator = "FREE"

    def setUp(self):
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(TEST_TIMEOUT)
        self.addCleanup(signal.alarm, 0)
        self.connection_string = pathlib.Path(os.environ[f"ACS_{self.emulator}"]).read_text().strip()
        self.endpoint = dict(part.split("=", 1) for part in self.connection_string.split(";"))["endpoint"]
        self.identity = identity_client(self.connection_string)

    def user(self, scopes=("chat",), **options):
        """Make an identity and sign it in."""
        identifier, token = self.identity.create_user_and_token(list(scopes))
        return User(identifier, token.token, self.chat(token.token, **options))

    def chat(self, token, **options):
        return self.closed_at_end(ChatClient(self.endpoint, CommunicationTokenCredential(token), **options))

    def join(self, user, thread_id, **options):
        """The user's client of a thread. It inherits none of the options of the ChatClient."""
        return self.closed_at_end(user.chat.get_chat_thread_client(thread_id, **options))

    def thread(self, topic, creator, *others, **options):
        """Start a thread of its own for a test, and give each member's client of it, the creator's first."""
        participants = [other.participant() for other in others]
        created = creator.chat.create_chat_thread(topic, thread_participants=participants).chat_thread
        return [self.join(user, created.id, **options) for user in (creator, *others)]

    def closed_at_end(self, client):
        self.addCleanup(client.close)
        return client

    def refused(self, call, *args, **kwargs):
        """The error of a call that the service must refuse."""
        with self.assertRaises(HttpResponseError) as caught:
            call(*args, **kwargs)
        return caught.exception


@functools.lru_cache(maxsize=None)
def identity_client(connection_string):
    """One for all tests, as it cannot be closed."""
    return CommunicationIdentityClient.from_connection_string(connection_string)


def reason(error):
    """Read the Chat service's own envelope, which the SDK does not know: the error's code and message."""
    envelope = json.loads(error.response.text())["CommunicationError"]
    return error.status_code, envelope["Code"], envelope.get("Message")


def admin(method, path, body=None):
    """Call an admin endpoint of the free emulator."""
    request = urllib.request.Request(
        os.environ["ACS_FREE_ADMIN"] + path, method=method, data=body and json.dumps(body).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
        text = response.read()
    return json.loads(text) if text else None


def requests_since(mark, operation):
    requests = admin("GET", f"/requests?since={mark}")["requests"]
    return [request for request in requests if request["operation"] == operation]


def last_request():
    return admin("GET", "/requests")["last"]
