// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Nothing of the SDK shall be forgotten, least of all what a later release adds.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ChatClient, ChatThreadClient } from '@azure/communication-chat';
import { CommunicationIdentityClient } from '@azure/communication-identity';

// Not REST, or no part of what the SDK documents.
const left = {
  ChatClient: ['startRealtimeNotifications', 'stopRealtimeNotifications', 'on', 'off', 'subscribeToSignalingEvents'],
  ChatThreadClient: ['canPostTypingNotification'],
  CommunicationIdentityClient: [],
};
const inner = /^(constructor|list\w+(Page|All))$/;

const tests = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.js'))
  .map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  .join('\n');

for (const client of [ChatClient, ChatThreadClient, CommunicationIdentityClient]) {
  test(`every method of ${client.name} is called`, () => {
    const methods = Object.getOwnPropertyNames(client.prototype).filter((name) => !inner.test(name));
    const missing = methods.filter((name) => !left[client.name].includes(name) && !tests.includes(`.${name}(`));
    assert.deepEqual(missing, []);
    assert.ok(methods.length > 3);
  });
}
