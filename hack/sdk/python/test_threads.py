# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

import datetime
import uuid

from azure.communication.chat import ChatParticipant, CommunicationUserIdentifier

from service import STRANGER, EmulatorTest, last_request, requests_since


class Threads(EmulatorTest):
    def test_a_topic_is_enough(self):
        ada = self.user()
        created = ada.chat.create_chat_thread("Just a topic").chat_thread
        self.assertRegex(created.id, r"^19:.+@thread\.v2$")
        properties = self.join(ada, created.id).get_properties()
        self.assertEqual(properties.id, created.id)
        self.assertEqual(properties.topic, "Just a topic")
        self.assertEqual(properties.created_on, created.created_on)
        self.assertEqual(properties.created_by.raw_id, ada.id.raw_id)

    def test_participants_and_their_share_of_the_history(self):
        ada, grace = self.user(), self.user()
        since = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        created = ada.chat.create_chat_thread("History", thread_participants=[
            ada.participant(display_name="Ada"),
            grace.participant(display_name="Grace", share_history_time=since),
        ]).chat_thread
        members = self.join(ada, created.id).list_participants()
        self.assertEqual([(m.identifier.raw_id, m.display_name, m.share_history_time) for m in members], [
            (ada.id.raw_id, "Ada", datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)),
            (grace.id.raw_id, "Grace", since),
        ])

    def test_one_idempotency_token_makes_one_thread(self):
        ada = self.user()
        mine = str(uuid.uuid4())
        tokens = [mine, mine, str(uuid.uuid4()), None, None]
        ids = [ada.chat.create_chat_thread("Once", idempotency_token=token).chat_thread.id for token in tokens]
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(len(set(ids)), 4)
        self.assertEqual({thread.id for thread in ada.chat.list_chat_threads()}, set(ids))

    def test_the_idempotency_token_is_what_the_emulator_gets(self):
        mark = last_request()
        self.user().chat.create_chat_thread("Seen", idempotency_token="my-own")
        (request,) = requests_since(mark, "CreateThread")
        self.assertEqual(request["header"]["Repeatability-Request-Id"], ["my-own"])

    def test_a_participant_who_may_not_join_keeps_nobody_else_out(self):
        ada, grace = self.user(), self.user()
        stranger = ChatParticipant(identifier=CommunicationUserIdentifier(STRANGER))
        # Who was left out is not in the answer as the SDK has it, in contrast to that of add_participants.
        created = ada.chat.create_chat_thread("Mixed", thread_participants=[stranger, grace.participant()])
        members = {m.identifier.raw_id for m in self.join(ada, created.chat_thread.id).list_participants()}
        self.assertEqual(members, {ada.id.raw_id, grace.id.raw_id})

    def test_threads_come_in_pages(self):
        ada = self.user()
        ids = [ada.chat.create_chat_thread(f"Thread {i}").chat_thread.id for i in range(5)]
        pages = [[thread.id for thread in page] for page in ada.chat.list_chat_threads(results_per_page=2).by_page()]
        self.assertEqual([len(page) for page in pages], [2, 2, 1])
        self.assertEqual({id for page in pages for id in page}, set(ids))

    def test_a_list_goes_on_from_the_token_of_a_page(self):
        ada = self.user()
        ids = {ada.chat.create_chat_thread(f"Thread {i}").chat_thread.id for i in range(3)}
        pages = ada.chat.list_chat_threads(results_per_page=2).by_page()
        first = {thread.id for thread in next(pages)}
        rest = ada.chat.list_chat_threads(results_per_page=2).by_page(continuation_token=pages.continuation_token)
        self.assertEqual({thread.id for page in rest for thread in page}, ids - first)

    def test_threads_since_a_time(self):
        ada = self.user()
        ada.chat.create_chat_thread("Now")
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
        self.assertEqual(len(list(ada.chat.list_chat_threads(start_time=soon - datetime.timedelta(hours=1)))), 1)
        self.assertEqual(list(ada.chat.list_chat_threads(start_time=soon)), [])

    def test_a_new_topic_is_told_to_all(self):
        ada, grace = self.user(), self.user()
        mine, hers = self.thread("Before", ada, grace)
        hers.update_topic("After")
        self.assertEqual(mine.get_properties().topic, "After")
        told = next(mine.list_messages())
        self.assertEqual((told.type.value, told.content.topic), ("topicUpdated", "After"))
        self.assertEqual(told.content.initiator.raw_id, grace.id.raw_id)

    def test_a_deleted_thread_is_gone_for_all(self):
        ada, grace = self.user(), self.user()
        mine, hers = self.thread("Short", ada, grace)
        ada.chat.delete_chat_thread(mine.thread_id)
        for thread in (mine, hers):
            self.assertEqual(self.refused(thread.send_message, "too late").status_code, 404)
            self.assertEqual(self.refused(thread.get_properties).status_code, 404)
