# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""How an application trusts the emulator, as docs/emulator.md has it."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest.mock

from azure.core.exceptions import ServiceRequestError

from service import ONCE, EmulatorTest

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/emulator.md"


class Trust(EmulatorTest):
    def test_the_client_of_a_thread_does_not_inherit_what_to_trust(self):
        ada = self.user()
        with unittest.mock.patch.dict(os.environ):
            ca = os.environ.pop("REQUESTS_CA_BUNDLE")
            chat = self.chat(ada.token, connection_verify=ca, **ONCE)
            thread_id = chat.create_chat_thread("Trusted").chat_thread.id
            thread = self.closed_at_end(chat.get_chat_thread_client(thread_id, **ONCE))
            with self.assertRaisesRegex(ServiceRequestError, "CERTIFICATE_VERIFY_FAILED"):
                thread.get_properties()
            thread = self.closed_at_end(chat.get_chat_thread_client(thread_id, connection_verify=ca))
            self.assertEqual(thread.get_properties().topic, "Trusted")

    def test_the_program_in_the_documentation_runs_as_it_stands_there(self):
        program = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL).group(1)
        with tempfile.TemporaryDirectory(prefix="acs-sdk-docs-") as directory:
            os.symlink(os.environ["ACS_FREE"], os.path.join(directory, "connection-string"))
            done = subprocess.run(
                [sys.executable, "-c", program], cwd=directory, check=True, stdout=subprocess.PIPE, text=True)
        self.assertRegex(done.stdout, "text .*Hello, all")
