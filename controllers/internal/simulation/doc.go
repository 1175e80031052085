// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulation runs the operator against a fake API server and an emulated service, all in one
// bubble of fake time. Its tests have the build tag faults; `make test-faults` runs them.
//
// It enters the controllers by the door that a manager uses: New makes them, Watches says what wakes
// them. A process of the simulation has caches that may lag, a work queue and a transport to the
// service. It can die before, after and amid each effect.
//
// The simulation does not test the API server itself (the tests of the package controllers run
// against a real one), no network, and no priorities of the work queue.
package simulation
