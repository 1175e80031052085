// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulation runs the operator against a fake API server and an emulated service, all in
// one bubble of fake time. Its tests have the build tag faults; `make test-faults` runs them.
//
// It enters the controllers by the door that a manager uses: New makes them, Watches says what
// wakes them. A process of the simulation has caches that may lag, a work queue and a transport to
// the service. It can die before, after and amid each effect.
//
// The model (the files model_*) knows what people declared and what they did at the service. It has
// two parts. The invariants hold at every moment: a resource has one thread, a stamp names its
// resource, and nobody is taken out of a thread who belongs there. The expected end is compared
// once all is mended and at rest. The model does not judge
//
//   - how many calls and writes there are and when, except that there are none at rest;
//   - messages (except the plan of a thread that is only observed), events and logs;
//   - which of several threads a resource has, if no other resource has it;
//   - the plan for a member whose history start may be declared or kept, and for one that people
//     put in twice;
//   - retention, and metadata of an adopted thread, after something that may have changed them;
//   - a member that people put in, after something that may have removed it;
//   - a thread that is being deleted while the service denies that it exists;
//   - other namespaces, allowedNamespaces, Entra, and connections to several ACS resources.
//
// The simulation does not test the API server itself (the tests of the package controllers run
// against a real one) and no network.
package simulation
