# Copyright 2026 The acs-chat-operator authors.
# SPDX-License-Identifier: Apache-2.0

"""What an application sees when the service refuses."""

import base64
import time

from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError, ServiceResponseError

from service import NOBODYS_THREAD, ONCE, EmulatorTest, admin, last_request, reason, requests_since

NO_PERMISSION = "The initiator doesn't have the permission to perform the requested operation."
NO_THREAD = "The specified thread id was not found."


class Refusals(EmulatorTest):
    def test_401_is_a_token_that_somebody_else_made_up(self):
        header, payload, _ = self.user().token.split(".")
        forged = ".".join((header, payload, base64.urlsafe_b64encode(b"forged").decode()))
        refused = self.refused(self.chat(forged).create_chat_thread, "x")
        self.assertIsInstance(refused, ClientAuthenticationError)
        self.assertEqual((refused.status_code, refused.response.text()), (401, ""))

    def test_403_is_a_thread_of_others(self):
        ada, grace = self.user(), self.user()
        (thread,) = self.thread("Private", ada)
        hers = self.join(grace, thread.thread_id)
        for call in (
            hers.get_properties,
            lambda: hers.update_topic("x"),
            lambda: hers.send_message("x"),
            lambda: list(hers.list_messages()),
            lambda: list(hers.list_participants()),
            lambda: list(hers.list_read_receipts()),
            hers.send_typing_notification,
            lambda: grace.chat.delete_chat_thread(thread.thread_id),
        ):
            self.assertEqual(reason(self.refused(call)), (403, "Forbidden", NO_PERMISSION))

    def test_403_is_a_token_without_the_scope(self):
        guest = self.user(["chat.join"])
        (_, thread) = self.thread("Scopes", self.user(), guest)
        thread.send_message("Hello")
        self.assertEqual(self.refused(thread.update_topic, "x").status_code, 403)
        self.assertEqual(self.refused(guest.chat.create_chat_thread, "x").status_code, 403)

    def test_404_is_a_thread_that_is_not_there(self):
        ada = self.user()
        thread = self.join(ada, NOBODYS_THREAD)
        for call in (
            thread.get_properties,
            lambda: thread.send_message("x"),
            lambda: list(thread.list_messages()),
            lambda: ada.chat.delete_chat_thread(NOBODYS_THREAD),
        ):
            refused = self.refused(call)
            self.assertIsInstance(refused, ResourceNotFoundError)
            self.assertEqual(reason(refused), (404, "NotFound", NO_THREAD))

    def test_404_is_a_message_that_is_not_there(self):
        (thread,) = self.thread("Empty", self.user())
        self.assertEqual(self.refused(thread.get_message, "1").status_code, 404)
        self.assertEqual(self.refused(thread.update_message, "1", "x").status_code, 404)
        self.assertEqual(self.refused(thread.delete_message, "1").status_code, 404)

    def test_the_service_has_an_envelope_of_which_the_sdk_reads_nothing(self):
        refused = self.refused(self.join(self.user(), NOBODYS_THREAD).get_properties)
        self.assertIsNone(refused.error)
        self.assertIn("Not Found", refused.message)

    def test_support_is_told_which_call_it_was(self):
        refused = self.refused(self.join(self.user(), NOBODYS_THREAD).get_properties)
        self.assertRegex(refused.response.headers["MS-CV"], r"^\S{22}\.0$")


class RefusalsAsSpecified(EmulatorTest):
    """The envelope of the specification is the one that the SDK reads."""

    emulator = "SPECIFIED"

    def test_the_sdk_reads_code_and_message(self):
        ada, grace = self.user(), self.user()
        (thread,) = self.thread("Private", ada)
        for call, status, code, message in (
            (self.join(grace, thread.thread_id).get_properties, 403, "Forbidden", NO_PERMISSION),
            (self.join(grace, NOBODYS_THREAD).get_properties, 404, "NotFound", NO_THREAD),
        ):
            refused = self.refused(call)
            self.assertEqual((refused.status_code, refused.error.code, refused.error.message), (status, code, message))
            self.assertIn(f"({code}) {message}", str(refused))

    def test_identifiers_with_their_kind_are_read(self):
        ada, grace = self.user(), self.user()
        (thread, _) = self.thread("Kinds", ada, grace)
        members = [(m.identifier.kind, m.identifier.raw_id) for m in thread.list_participants()]
        self.assertEqual(members, [(user.id.kind, user.id.raw_id) for user in (ada, grace)])


class Throttling(EmulatorTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(admin, "DELETE", "/faults")

    def test_429_is_tried_again_when_retry_after_has_passed(self):
        ada = self.user()
        mark = last_request()
        admin("POST", "/faults", {
            "operation": "CreateThread", "times": 2, "status": 429, "header": {"Retry-After": "1"}})
        started = time.monotonic()
        created = ada.chat.create_chat_thread("Patient").chat_thread
        self.assertGreaterEqual(time.monotonic() - started, 2)
        attempts = requests_since(mark, "CreateThread")
        self.assertEqual([attempt["status"] for attempt in attempts], [429, 429, 201])
        self.assertEqual(len({attempt["header"]["Repeatability-Request-Id"][0] for attempt in attempts}), 1)
        self.assertEqual([thread.id for thread in ada.chat.list_chat_threads()], [created.id])

    def test_a_list_is_tried_again_when_the_service_is_unavailable(self):
        ada = self.user()
        ada.chat.create_chat_thread("There")
        mark = last_request()
        admin("POST", "/faults", {"operation": "ListThreads", "times": 1, "status": 503})
        self.assertEqual(len(list(ada.chat.list_chat_threads())), 1)
        self.assertEqual([r["status"] for r in requests_since(mark, "ListThreads")], [503, 200])

    def test_a_thread_is_made_once_though_the_answer_is_lost(self):
        ada = self.user()
        admin("POST", "/faults", {"operation": "CreateThread", "times": 1, "dropAfter": True})
        # The SDK does not repeat a POST that may have arrived. The application may, with a token of its own.
        with self.assertRaises(ServiceResponseError):
            ada.chat.create_chat_thread("Answer lost", idempotency_token="lost-and-found")
        created = ada.chat.create_chat_thread("Answer lost", idempotency_token="lost-and-found").chat_thread
        self.assertEqual([thread.id for thread in ada.chat.list_chat_threads()], [created.id])


class Quotas(EmulatorTest):
    emulator = "STRICT"

    def test_429_has_what_the_sdk_reads(self):
        (thread,) = self.thread("Busy", self.user(), **ONCE)
        for i in range(10):
            thread.send_message(f"Message {i}")
        refused = self.refused(thread.send_message, "One too many")
        self.assertEqual(refused.status_code, 429)
        self.assertEqual((refused.error.code, refused.error.message), ("TooManyRequests", "Rate limit exceeded."))
        self.assertRegex(refused.response.headers["Retry-After"], r"^([1-9]|10)$")

    def test_by_itself_the_sdk_waits_and_is_let_in(self):
        (thread,) = self.thread("Patient", self.user())
        for i in range(6):  # of which 5 are allowed in 10 s
            thread.update_topic(f"Topic {i}")
        self.assertEqual(thread.get_properties().topic, "Topic 5")
