// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulation runs the operator against a fake API server and an emulated service, all in
// one bubble of fake time. Its tests have the build tag faults; `make test-faults` runs them.
//
// It uses the same API of the controllers as a manager: New creates them, and Watches returns their
// watches. A process of the simulation has caches that may be stale, a work queue and a transport
// to the service. It can crash before, after and in the middle of each effect.
//
// The model (the files model_*) records the declarations of people and their actions at the
// service. It has two parts. The invariants hold at every moment: a resource has one thread, a
// stamp names its resource, and no member that belongs in a thread is removed from it. The expected
// end is compared once all failures are repaired and nothing is written any more. The model does
// not check
//
//   - the number and the time of calls and writes, except that there are none at rest;
//   - messages (except the plan of a thread that is only observed), events and logs;
//   - the choice among several threads of a resource, if no other resource has the chosen one;
//   - the plan for a member whose history start may be declared or kept, and for one that people
//     added twice;
//   - retention, and metadata of an adopted thread, after an action that may have changed them;
//   - a member that people added, after an action that may have removed it;
//   - a thread that is being deleted while the service denies that it exists;
//   - other namespaces, allowedNamespaces, Entra, and connections to several ACS resources.
//
// The simulation does not test the API server itself (the tests of package controllers run
// against a real one) and uses no network.
package simulation
