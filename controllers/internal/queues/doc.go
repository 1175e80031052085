// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package queues adds to the work queues of the controllers: objects that another controller wakes,
// with the priority that they have, and a backoff that outlasts waits.
//
// It keeps no object, and decides nothing about one but its place in the queue.
package queues
