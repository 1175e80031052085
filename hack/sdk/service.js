// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// What the tests share: clients of Microsoft's SDK as an application makes them.

import { readFileSync } from 'node:fs';
import { ChatClient } from '@azure/communication-chat';
import { AzureCommunicationTokenCredential, parseConnectionString } from '@azure/communication-common';
import { CommunicationIdentityClient } from '@azure/communication-identity';

// Options of the SDK with which a test sees the first refusal instead of the outcome of some retries.
export const once = { retryOptions: { maxRetries: 0 } };

// One resource, known by its connection string as in an application.
export class Service {
  constructor(connectionStringFile) {
    this.connectionString = readFileSync(connectionStringFile, 'utf8').trim();
    this.endpoint = parseConnectionString(this.connectionString).endpoint;
    this.identity = new CommunicationIdentityClient(this.connectionString);
  }

  // user makes an identity and signs it in.
  async user(scopes = ['chat'], options = {}) {
    const { user, token } = await this.identity.createUserAndToken(scopes);
    return this.signedIn(user, token, options);
  }

  // signIn is for an identity that exists.
  async signIn(user, scopes = ['chat']) {
    const { token } = await this.identity.getToken(user, scopes);
    return this.signedIn(user, token);
  }

  signedIn(id, token, options = {}) {
    return { id, token, chat: this.chat(token, options) };
  }

  chat(token, options = {}) {
    return new ChatClient(this.endpoint, new AzureCommunicationTokenCredential(token), options);
  }

  // thread starts a thread of its own for a test and gives each member's client of it, the creator's first.
  async thread(topic, creator, ...others) {
    const participants = others.map(({ id }) => ({ id }));
    const { chatThread } = await creator.chat.createChatThread({ topic }, { participants });
    return [creator, ...others].map(({ chat }) => chat.getChatThreadClient(chatThread.id));
  }
}

// What run.js starts. The free one enforces no quotas, so that a test is as fast as it can be; the strict one
// enforces those of the service; the specified one answers as the specification, and not the service, has it; the
// steered one has admin endpoints; the operator acts at that of the demo.
export const free = () => new Service(process.env.ACS_FREE);
export const strict = () => new Service(process.env.ACS_STRICT);
export const specified = () => new Service(process.env.ACS_SPECIFIED);
export const steered = () => new Service(process.env.ACS_STEERED);
export const demo = () => new Service(process.env.ACS_DEMO);

// admin calls an admin endpoint of the steered one.
export async function admin(method, path, body) {
  const response = await fetch(new URL(path, process.env.ACS_STEERED_ADMIN), { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

// all reads a paged list to its end.
export async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

// kind is an identifier as the SDK gives it back.
export const kind = ({ communicationUserId }) => ({ kind: 'communicationUser', communicationUserId });

// refusal gives the error of a call that the service must refuse.
export async function refusal(call) {
  const outcome = await call.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  if (!outcome.error) throw new Error(`not refused, but: ${JSON.stringify(outcome.value)}`);
  if (outcome.error.name !== 'RestError') throw outcome.error;
  return outcome.error;
}

// reason reads the Chat service's own envelope, which the SDK does not know: it shows the body as the message.
export function reason(error) {
  const { Code, Message } = JSON.parse(error.message).CommunicationError;
  return { status: error.statusCode, code: Code, message: Message };
}
