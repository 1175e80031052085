# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""The steps of the SDK's quickstart, one after another in one thread."""

import datetime

from azure.communication.chat import ChatMessageType, ChatParticipant
from azure.communication.identity import CommunicationTokenScope

from service import EmulatorTest


class Quickstart(EmulatorTest):
    def test_the_steps_of_the_quickstart(self):
        started = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        ada, grace = self.users_with_tokens()
        chat = self.chat(ada[1].token)
        thread_id = self.create_a_thread(chat, ada[0], started)
        thread = self.closed_at_end(chat.get_chat_thread_client(thread_id))
        self.assertEqual(thread.thread_id, thread_id)
        self.list_threads(chat, thread_id, started)
        message_id = self.send_messages(thread, ada[0])
        self.list_messages(thread, message_id, started)
        self.change_what_there_is(thread, message_id)
        self.add_and_list_participants(thread, ada[0], grace[0])
        self.chat_as_the_other(thread_id, thread, message_id, grace)
        self.remove_a_participant(thread, ada[0], grace[0])
        chat.delete_chat_thread(thread_id)
        self.assertIsNotNone(next(t for t in chat.list_chat_threads() if t.id == thread_id).deleted_on)

    def users_with_tokens(self):
        ada = self.identity.create_user()
        grace = self.identity.create_user_and_token([CommunicationTokenScope.CHAT])
        return (ada, self.identity.get_token(ada, [CommunicationTokenScope.CHAT])), grace

    def create_a_thread(self, chat, ada, started):
        created = chat.create_chat_thread(
            "First topic", thread_participants=[ChatParticipant(identifier=ada, display_name="Ada")])
        self.assertFalse(created.errors)
        self.assertEqual(created.chat_thread.topic, "First topic")
        self.assertEqual(created.chat_thread.created_by.raw_id, ada.raw_id)
        self.assertGreaterEqual(created.chat_thread.created_on, started)
        return created.chat_thread.id

    def list_threads(self, chat, thread_id, started):
        threads = list(chat.list_chat_threads(results_per_page=5, start_time=started))
        self.assertEqual([(t.id, t.topic, t.deleted_on) for t in threads], [(thread_id, "First topic", None)])

    def send_messages(self, thread, ada):
        text = thread.send_message("Hello", sender_display_name="Ada", metadata={"order": "4711"})
        thread.send_message("<p>Hello</p>", chat_message_type=ChatMessageType.HTML)
        message = thread.get_message(text.id)
        self.assertEqual(message.content.message, "Hello")
        self.assertEqual(message.type, ChatMessageType.TEXT)
        self.assertEqual(message.sender.raw_id, ada.raw_id)
        self.assertEqual(message.sender_display_name, "Ada")
        self.assertEqual(message.metadata, {"order": "4711"})
        self.assertIsNone(message.edited_on)
        return text.id

    def list_messages(self, thread, message_id, started):
        listed = list(thread.list_messages(results_per_page=1, start_time=started))
        self.assertEqual([m.type.value for m in listed], ["html", "text", "topicUpdated", "participantAdded"])
        self.assertEqual(listed[1].id, message_id)

    def change_what_there_is(self, thread, message_id):
        thread.update_topic("Second topic")
        self.assertEqual(thread.get_properties().topic, "Second topic")
        thread.update_message(message_id, "Hello again", metadata={"order": "4712"})
        message = thread.get_message(message_id)
        self.assertEqual((message.content.message, message.metadata), ("Hello again", {"order": "4712"}))
        self.assertIsNotNone(message.edited_on)

    def add_and_list_participants(self, thread, ada, grace):
        self.assertEqual(thread.add_participants([ChatParticipant(identifier=grace, display_name="Grace")]), [])
        members = [(p.identifier.raw_id, p.display_name) for p in thread.list_participants()]
        self.assertEqual(members, [(ada.raw_id, "Ada"), (grace.raw_id, "Grace")])

    def chat_as_the_other(self, thread_id, thread, message_id, grace):
        identifier, token = grace
        hers = self.closed_at_end(self.chat(token.token).get_chat_thread_client(thread_id))
        hers.send_typing_notification(sender_display_name="Grace")
        hers.send_read_receipt(message_id)
        receipts = [(r.sender.raw_id, r.chat_message_id) for r in thread.list_read_receipts()]
        self.assertEqual(receipts, [(identifier.raw_id, message_id)])
        thread.delete_message(message_id)
        self.assertIsNotNone(hers.get_message(message_id).deleted_on)

    def remove_a_participant(self, thread, ada, grace):
        thread.remove_participant(grace)
        self.assertEqual([p.identifier.raw_id for p in thread.list_participants()], [ada.raw_id])
        removed = next(thread.list_messages())
        self.assertEqual(removed.type, ChatMessageType.PARTICIPANT_REMOVED)
        self.assertEqual([p.identifier.raw_id for p in removed.content.participants], [grace.raw_id])
        self.assertEqual(removed.content.initiator.raw_id, ada.raw_id)
