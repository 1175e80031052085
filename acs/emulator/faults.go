// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is something that goes wrong with the calls it matches. Of several faults that match
// a call, the one injected first hits it; those behind it do not count the call.
//
// A fault strikes before the service checks anything, the caller's token included, and what
// it answers instead does not count against the quotas. A client that leaves does not stop a call
// that is delayed or blocked: it goes on at once and has its effect, as it would at the service.
type Fault struct {
	Operation Operation // "": any
	ThreadID  string    // "": any
	Skip      int       // let so many matching calls through first
	Times     int       // how many calls it hits; 0: all

	Delay time.Duration   // wait before the effect
	Block <-chan struct{} // wait for it, or for the client to leave, before the effect

	Status int         // answer with this instead; nothing happens
	Header http.Header // of that answer
	Body   string      // of that answer

	DropBefore bool // close the connection; nothing happens
	DropAfter  bool // do it, then close the connection without an answer
	Truncate   bool // do it, send the headers and half of the body, and close the connection
	// Transform changes the answer after the effect. It may change header in place.
	Transform func(status int, header http.Header, body []byte) (int, []byte)
}

type faults struct {
	mu     sync.Mutex
	active []*activeFault
}

type activeFault struct {
	Fault
	skipped, hit int
}

// Inject makes a fault happen from now on. Calling remove ends it, however often it has hit.
func (s *Server) Inject(f Fault) (remove func()) {
	active := &activeFault{Fault: f}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = append(s.faults.active, active)
	return func() { s.faults.remove(active) }
}

func (f *faults) remove(fault *activeFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = slices.DeleteFunc(f.active, func(other *activeFault) bool { return other == fault })
}

// take gives the fault that hits this call; the zero Fault changes nothing.
func (f *faults) take(operation Operation, threadID string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.active {
		if fault.Operation != "" && fault.Operation != operation || fault.ThreadID != "" && fault.ThreadID != threadID {
			continue
		}
		if fault.skipped < fault.Skip {
			fault.skipped++
			continue
		}
		fault.hit++
		if fault.Times > 0 && fault.hit >= fault.Times {
			f.active = slices.Delete(f.active, i, i+1)
		}
		return fault.Fault
	}
	return Fault{}
}
