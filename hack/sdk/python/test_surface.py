# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""Nothing of the SDK shall be forgotten, least of all what a later release adds."""

import pathlib
import unittest

from azure.communication.chat import ChatClient, ChatThreadClient
from azure.communication.identity import CommunicationIdentityClient


class Surface(unittest.TestCase):
    def test_every_method_is_called(self):
        sources = pathlib.Path(__file__).parent.glob("*.py")
        text = "\n".join(source.read_text() for source in sources)
        for client in (ChatClient, ChatThreadClient, CommunicationIdentityClient):
            methods = [name for name in vars(client) if not name.startswith("_") and callable(getattr(client, name))]
            self.assertGreater(len(methods), 4)
            # With its arguments, or as what refused() shall call.
            missing = [name for name in methods if not any(f".{name}{end}" in text for end in "(,)")]
            self.assertEqual(missing, [], client.__name__)
