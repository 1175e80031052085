# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

import datetime

from azure.communication.identity import CommunicationIdentityClient

from service import EmulatorTest


class Identity(EmulatorTest):
    def test_a_user_and_its_token_at_once(self):
        user, token = self.identity.create_user_and_token(["chat"], token_expires_in=datetime.timedelta(hours=2))
        self.assertRegex(user.raw_id, r"^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$")
        self.assertEqual(user.properties["id"], user.raw_id)
        self.assertEqual(list(self.chat(token.token).list_chat_threads()), [])

    def test_revoked_tokens_are_refused_and_new_ones_are_not(self):
        ada = self.user()
        self.identity.revoke_tokens(ada.id)
        self.assertEqual(self.refused(ada.chat.create_chat_thread, "x").status_code, 401)
        again = self.chat(self.identity.get_token(ada.id, ["chat"]).token)
        self.assertEqual(again.create_chat_thread("Here again").chat_thread.created_by.raw_id, ada.id.raw_id)

    def test_a_deleted_user_has_no_access(self):
        ada = self.user()
        self.identity.delete_user(ada.id)
        self.assertEqual(self.refused(ada.chat.create_chat_thread, "x").status_code, 401)

    def test_a_token_for_a_teams_user(self):
        guid = "11111111-2222-4333-8444-555555555555"
        token = self.identity.get_token_for_teams_user("a token of Entra", guid, guid)
        self.assertEqual(token.token.count("."), 2)

    def test_the_sdk_reads_the_code_and_message_of_a_refusal(self):
        refused = self.refused(
            self.identity.create_user_and_token, ["chat"], token_expires_in=datetime.timedelta(minutes=59))
        self.assertEqual((refused.status_code, refused.error.code), (400, "ValidationError"))
        self.assertEqual(
            refused.error.message, "ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.")

    def test_an_access_key_that_is_not_the_one(self):
        other = CommunicationIdentityClient(self.endpoint.rstrip("/"), "YW5vdGhlciBrZXk=")
        refused = self.refused(other.create_user)
        self.assertEqual((refused.status_code, refused.error.code), (401, "Denied"))
