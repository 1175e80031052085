# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

import datetime

from azure.communication.chat import ChatMessageType

from service import EmulatorTest


def listed(thread, **options):
    """The content of what users wrote, newest first."""
    written = (ChatMessageType.TEXT, ChatMessageType.HTML)
    return [m.content.message for m in thread.list_messages(**options) if m.type in written]


class Messages(EmulatorTest):
    def setUp(self):
        super().setUp()
        self.ada, self.grace = self.user(), self.user()
        self.mine, self.hers = self.thread("Messages", self.ada, self.grace)

    def test_text_html_and_what_is_left_out(self):
        for kind, given in ((ChatMessageType.TEXT, None), (ChatMessageType.TEXT, "text"), (ChatMessageType.HTML, "html")):
            sent = self.mine.send_message("<b>Größe</b> & 🐘", chat_message_type=given)
            read = self.hers.get_message(sent.id)
            self.assertEqual((read.id, read.type), (sent.id, kind))
            self.assertEqual(read.content.message, "<b>Größe</b> & 🐘")
            self.assertEqual(read.sender.raw_id, self.ada.id.raw_id)
            self.assertEqual(read.sender_display_name, "")
            self.assertFalse(read.metadata)
            self.assertEqual((read.edited_on, read.deleted_on), (None, None))

    def test_an_edit_changes_what_it_names(self):
        sent = self.mine.send_message("First", metadata={"kept": "1", "changed": "2"})
        self.mine.update_message(sent.id, metadata={"changed": "3"})
        self.assertEqual(self.hers.get_message(sent.id).content.message, "First")
        self.assertEqual(self.hers.get_message(sent.id).metadata, {"kept": "1", "changed": "3"})
        self.mine.update_message(sent.id, "Second")
        read = self.hers.get_message(sent.id)
        self.assertEqual((read.content.message, read.metadata), ("Second", {"kept": "1", "changed": "3"}))
        self.assertGreaterEqual(read.edited_on, read.created_on)

    def test_only_the_sender_may_edit_and_delete(self):
        sent = self.mine.send_message("Mine")
        self.assertEqual(self.refused(self.hers.update_message, sent.id, "Hers").status_code, 403)
        self.assertEqual(self.refused(self.hers.delete_message, sent.id).status_code, 403)
        self.assertEqual(listed(self.hers), ["Mine"])

    def test_a_deleted_message_is_an_empty_one(self):
        sent = self.mine.send_message("Gone soon")
        self.mine.delete_message(sent.id)
        read = self.hers.get_message(sent.id)
        self.assertEqual(read.content.message, "")
        self.assertGreaterEqual(read.deleted_on, read.created_on)

    def test_messages_come_in_pages_newest_first(self):
        for i in range(5):
            self.mine.send_message(f"Message {i}")
        self.assertEqual(listed(self.hers, results_per_page=2), [f"Message {i}" for i in (4, 3, 2, 1, 0)])
        sizes = [len(list(page)) for page in self.hers.list_messages(results_per_page=3).by_page()]
        self.assertEqual(sizes, [3, 3, 1])  # five, and the two of the service on a new thread

    def test_messages_since_a_time(self):
        self.mine.send_message("Now")
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
        self.assertEqual(listed(self.mine, start_time=soon - datetime.timedelta(hours=1)), ["Now"])
        self.assertEqual(listed(self.mine, start_time=soon), [])

    def test_read_receipts(self):
        ids = [self.mine.send_message(f"Message {i}").id for i in range(2)]
        self.hers.send_read_receipt(ids[0])
        self.hers.send_read_receipt(ids[1])
        self.mine.send_read_receipt(ids[0])
        receipts = list(self.mine.list_read_receipts(results_per_page=1))
        read = {(r.sender.raw_id, r.chat_message_id) for r in receipts}
        self.assertLessEqual({(self.grace.id.raw_id, ids[1]), (self.ada.id.raw_id, ids[0])}, read)
        self.assertEqual(len(list(self.mine.list_read_receipts(skip=1))), len(receipts) - 1)
        self.assertTrue(all(r.read_on.tzinfo for r in receipts))

    def test_typing(self):
        self.mine.send_typing_notification()
        self.hers.send_typing_notification(sender_display_name="Grace")
        self.assertEqual(listed(self.mine), [])
