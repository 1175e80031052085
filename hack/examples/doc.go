// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package examples tests the recipes in docs/examples: it runs the commands of each README.md as a
// reader would, with kubectl against a real API server and with the real operator. It contains only
// tests.
//
// Blocks of the language sh must succeed. Blocks of the language console must print what the page
// shows; ages, ids and times may differ. What another program or person does in between, such as
// Azure Service Operator, the page marks with <!-- test: name -->, and the test does it.
package examples
