# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

import datetime

from azure.communication.chat import ChatMessageType, ChatParticipant, CommunicationUserIdentifier

from service import STRANGER, EmulatorTest, reason


def members(thread, **options):
    return [m.identifier.raw_id for m in thread.list_participants(**options)]


class Participants(EmulatorTest):
    def setUp(self):
        super().setUp()
        self.ada, self.grace = self.user(), self.user()
        (self.mine,) = self.thread("Participants", self.ada)

    def test_add_and_remove(self):
        self.assertEqual(self.mine.add_participants([self.grace.participant(display_name="Grace")]), [])
        self.assertEqual(members(self.mine), [self.ada.id.raw_id, self.grace.id.raw_id])
        told = next(self.mine.list_messages())
        self.assertEqual(told.type, ChatMessageType.PARTICIPANT_ADDED)
        self.assertEqual([(p.identifier.raw_id, p.display_name) for p in told.content.participants],
                         [(self.grace.id.raw_id, "Grace")])
        hers = self.join(self.grace, self.mine.thread_id)
        hers.send_message("Here I am")
        self.mine.remove_participant(self.grace.id)
        self.assertEqual(members(self.mine), [self.ada.id.raw_id])
        self.assertEqual(self.refused(hers.send_message, "Am I?").status_code, 403)

    def test_who_may_not_join_is_told_with_a_reason(self):
        stranger = ChatParticipant(identifier=CommunicationUserIdentifier(STRANGER), display_name="Stranger")
        ((refused, error),) = self.mine.add_participants([self.grace.participant(), stranger])
        self.assertIs(refused, stranger)
        self.assertEqual((error.code, error.message, error.target), ("403", "Permissions check failed", STRANGER))
        self.assertEqual(members(self.mine), [self.ada.id.raw_id, self.grace.id.raw_id])

    def test_an_identifier_that_is_none_fails_the_whole_call(self):
        malformed = CommunicationUserIdentifier("8:acs:fakeid")
        expected = (400, "BadRequest", "Identifier format is invalid (8:acs:fakeid).")
        both = [self.grace.participant(), ChatParticipant(identifier=malformed)]
        self.assertEqual(reason(self.refused(self.mine.add_participants, both)), expected)
        self.assertEqual(reason(self.refused(self.mine.remove_participant, malformed)), expected)
        self.assertEqual(members(self.mine), [self.ada.id.raw_id])

    def test_who_joins_later_sees_what_is_shared(self):
        self.mine.send_message("Before")
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
        late = self.user()
        self.mine.add_participants([self.grace.participant(), late.participant(share_history_time=soon)])
        self.assertIn("Before", [m.content.message for m in self.join(self.grace, self.mine.thread_id).list_messages()])
        self.assertEqual(list(self.join(late, self.mine.thread_id).list_messages()), [])

    def test_to_add_again_and_to_remove_again_changes_nothing(self):
        for name in ("Grace", "Amazing Grace"):
            self.assertEqual(self.mine.add_participants([self.grace.participant(display_name=name)]), [])
        self.assertEqual([m.display_name for m in self.mine.list_participants()], [None, "Grace"])
        self.mine.remove_participant(self.grace.id)
        self.mine.remove_participant(self.grace.id)
        self.assertEqual(members(self.mine), [self.ada.id.raw_id])

    def test_participants_come_in_pages(self):
        guests = [self.identity.create_user() for _ in range(4)]
        self.mine.add_participants([ChatParticipant(identifier=guest) for guest in guests])
        everyone = [self.ada.id.raw_id, *(guest.raw_id for guest in guests)]
        self.assertEqual(members(self.mine, results_per_page=2), everyone)
        sizes = [len(list(page)) for page in self.mine.list_participants(results_per_page=2).by_page()]
        self.assertEqual(sizes, [2, 2, 1])
        self.assertEqual(members(self.mine, skip=3), everyone[3:])
