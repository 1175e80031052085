// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"context"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is a failure of the calls that it matches. If several faults match a call, the one injected
// first hits it; the others do not count the call.
//
// A fault takes effect before the service checks anything, the caller's token included, and its
// response does not count against the quotas. If a client closes the connection of a delayed or
// blocked call, the call continues at once and has its effect, as at the service.
type Fault struct {
	Operation Operation // "": any
	ThreadID  string    // "": any
	Skip      int       // the number of matching calls to skip first
	Times     int       // the number of calls to hit; 0: all
	Share     float64   // the share of the remaining calls to hit, evenly: 0.25 is every fourth; 0: all

	Delay time.Duration   // wait before the effect
	Block <-chan struct{} // wait for it, or for the client to close the connection, before the effect

	// Status is the response in place of the call, which has no effect. Without Header and Body it
	// is the service's own empty refusal, with its headers; with one of them the response has
	// nothing else, like that of a gateway.
	Status int
	Header http.Header // of that response
	Body   string      // of that response

	DropBefore bool // close the connection, without any effect
	DropAfter  bool // perform the call, then close the connection without a response
	Truncate   bool // perform the call, send the headers and half of the body, and close the connection
	Garble     bool // perform the call, and send a body with some wrong bytes
	// Drip sends the body in pieces of DripBytes (0: 1), and waits for this time before each.
	Drip      time.Duration
	DripBytes int
	// Transform changes the response after the effect. It may change header in place.
	Transform func(status int, header http.Header, body []byte) (int, []byte)
}

type faults struct {
	mu     sync.Mutex
	active []*activeFault
	last   int // assigned id
}

type activeFault struct {
	Fault
	id                    int
	skipped, counted, hit int
}

// Inject activates a fault. Calling remove ends it, regardless of the number of calls it has hit.
func (s *Server) Inject(f Fault) (remove func()) {
	id := s.faults.add(f)
	return func() { s.faults.remove(id) }
}

func (f *faults) add(fault Fault) (id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.active = append(f.active, &activeFault{Fault: fault, id: f.last})
	return f.last
}

// remove reports whether the fault was active.
func (f *faults) remove(id int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.active)
	f.active = slices.DeleteFunc(f.active, func(fault *activeFault) bool { return fault.id == id })
	return len(f.active) < before
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = nil
}

// take returns the fault that hits this call; the zero Fault changes nothing.
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
		if fault.counted++; !fault.due() {
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

// due reports whether the call that was just counted is one of the share.
func (f *activeFault) due() bool {
	if f.Share <= 0 || f.Share >= 1 {
		return true
	}
	// Without the small term a share such as 0.1, which has no exact binary form, would be late by
	// one.
	const rounding = 1e-9
	return math.Floor(float64(f.counted)*f.Share+rounding) > math.Floor(float64(f.counted-1)*f.Share+rounding)
}

// garble returns a body of the same length that is not JSON.
func garble(body []byte) []byte {
	const every = 7
	out := slices.Clone(body)
	for i := 0; i < len(out); i += every {
		out[i] ^= 0x15
	}
	return out
}

// drip writes the body in pieces until it is complete or the client closes the connection.
func drip(ctx context.Context, w http.ResponseWriter, body []byte, fault Fault) {
	control := http.NewResponseController(w)
	for piece := range slices.Chunk(body, max(1, fault.DripBytes)) {
		hold(ctx, fault.Drip, nil)
		if ctx.Err() != nil {
			return
		}
		_, _ = w.Write(piece)
		_ = control.Flush()
	}
}
