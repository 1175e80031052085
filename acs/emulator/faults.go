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
	Share     float64   // hit this share of the calls left, evenly: 0.25 is every fourth; 0: all

	Delay time.Duration   // wait before the effect
	Block <-chan struct{} // wait for it, or for the client to leave, before the effect

	// Status is answered instead; nothing happens. Without Header and Body it is the service's own bare
	// refusal, with its headers; with one of them the answer is theirs alone, as of a gateway.
	Status int
	Header http.Header // of that answer
	Body   string      // of that answer

	DropBefore bool // close the connection; nothing happens
	DropAfter  bool // do it, then close the connection without an answer
	Truncate   bool // do it, send the headers and half of the body, and close the connection
	Garble     bool // do it, and answer with a body of which some bytes are others
	// Drip sends the body in pieces of DripBytes (0: 1), and waits so long before each.
	Drip      time.Duration
	DripBytes int
	// Transform changes the answer after the effect. It may change header in place.
	Transform func(status int, header http.Header, body []byte) (int, []byte)
}

type faults struct {
	mu     sync.Mutex
	active []*activeFault
	last   int // id given
}

type activeFault struct {
	Fault
	id                    int
	skipped, counted, hit int
}

// Inject makes a fault happen from now on. Calling remove ends it, however often it has hit.
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

// remove reports whether there was such a fault.
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

// due reports whether the call counted last is one of the share.
func (f *activeFault) due() bool {
	if f.Share <= 0 || f.Share >= 1 {
		return true
	}
	// The small term keeps a share like 0.1, which is no binary fraction, from being late by one.
	const rounding = 1e-9
	return math.Floor(float64(f.counted)*f.Share+rounding) > math.Floor(float64(f.counted-1)*f.Share+rounding)
}

// garble gives a body of the same length that is no JSON.
func garble(body []byte) []byte {
	const every = 7
	out := slices.Clone(body)
	for i := 0; i < len(out); i += every {
		out[i] ^= 0x15
	}
	return out
}

// drip writes the body in pieces for as long as the client waits.
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
