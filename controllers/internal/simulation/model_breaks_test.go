// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// modelOutage is a failure of the service, with its end.
type modelOutage struct {
	variant string
	until   time.Time
	// wait is the Retry-After of a 429 in seconds.
	wait int
}

var (
	errServiceDown   = errors.New("connection refused")
	modelBreakLength = []time.Duration{2 * time.Second, 8 * time.Second, 40 * time.Second, 3 * time.Minute, 15 * time.Minute, time.Hour}
)

func (m *modelRun) breaks() modelOutage {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return m.outage
}

func (m *modelRun) setBreak(outage modelOutage) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.outage = outage
}

func (m *modelRun) breakService(a modelAction) {
	m.setBreak(modelOutage{variant: a.variant, until: time.Now().Add(modelBreakLength[a.n]), wait: a.n * 7})
}

// modelRefused is a future call that is refused, with its retry.
type modelRefused struct {
	status int
	// skip is the number of calls before it, and remaining the number of refusals. With writes, only
	// calls that change something are counted.
	skip, remaining int
	writes          bool
	// With reads, only calls that change nothing are counted. With foreign, a gateway refuses the
	// call.
	reads, foreign bool
}

func (m *modelRun) refuseCall(a modelAction) {
	refusal := modelRefused{skip: a.n, remaining: 1}
	switch a.variant {
	case "500":
		refusal.status, refusal.remaining, refusal.writes = http.StatusInternalServerError, 2, a.n%2 == 0
	case "429":
		refusal.status = http.StatusTooManyRequests
	case "404":
		refusal.status, refusal.reads = http.StatusNotFound, true
	case "foreign":
		refusal.status, refusal.foreign = []int{http.StatusNotFound, http.StatusForbidden, http.StatusUnauthorized}[a.n%3], true
	default:
		refusal.status, refusal.writes = http.StatusForbidden, true
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.refusal = refusal
}

// isRefused returns the status with which a single call is refused, or 0 if it is not.
func (m *modelRun) isRefused(req *http.Request) (status int, foreign bool) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	operation, _ := req.Context().Value(runtime.CtxAPINameKey{}).(string)
	r := &m.refusal
	switch {
	case r.remaining == 0, strings.HasSuffix(operation, "IssueToken"), r.writes && req.Method == http.MethodGet, r.reads && req.Method != http.MethodGet:
		return 0, false
	case r.skip > 0:
		r.skip--
		return 0, false
	}
	r.remaining--
	return r.status, r.foreign
}

// answer returns the answer of a failing service, or nothing if the service does not fail.
func (m *modelRun) answer(req *http.Request) (*http.Response, error) {
	outage := m.breaks()
	if !time.Now().Before(outage.until) {
		if status, foreign := m.isRefused(req); status > 0 {
			return refusalResponse(req, status, 0, foreign), nil
		}
		return nil, nil
	}
	switch outage.variant {
	case "down":
		return nil, errServiceDown
	case "hangs":
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	code, foreign := strings.CutPrefix(outage.variant, "foreign ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return nil, err
	}
	return refusalResponse(req, status, outage.wait, foreign), nil
}

// refusalResponse returns a refusal.
func refusalResponse(req *http.Request, status, wait int, foreign bool) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	if status == http.StatusTooManyRequests && wait > 0 {
		header.Set("Retry-After", strconv.Itoa(wait))
	}
	body := fmt.Sprintf(`{"CommunicationError":{"Code":%q,"Message":"for a while"}}`, strings.ReplaceAll(http.StatusText(status), " ", ""))
	if foreign {
		header.Set("Content-Type", "text/html")
		body = "<html><body>for a while</body></html>"
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// strikeEffect makes a strike hit a future effect.
func (m *modelRun) strikeEffect(a modelAction) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.w.count, m.w.plan = 0, []strike{{1 + a.n, strikeMode(a.variant)}}
}

// restart ends the process. The next one starts without its memory.
func (m *modelRun) restart() {
	m.w.process = newProcess(m.w, 0)
}

func (m *modelRun) makeStale(a modelAction) {
	m.w.lags = lag{latest: eventDelays[a.n%len(eventDelays)], events: 1 + 8*a.n}
}

// repair ends all failures.
func (m *modelRun) repair() {
	m.setBreak(modelOutage{})
	m.w.lags = lag{}
	m.w.mu.Lock()
	m.w.plan, m.refusal = nil, modelRefused{}
	m.w.mu.Unlock()
	if m.rotated != nil {
		m.rotated()
		m.rotated = nil
	}
}

// drift changes the thread of a resource at the service, as people may do.
func (m *modelRun) drift(a modelAction) {
	declared, stored := m.threads[a.name], m.storedThread(a.name)
	if declared == nil {
		return
	}
	id := cmp.Or(stored.Status.ThreadID, declared.spec.ThreadID)
	remote, live := m.live(id)
	if !live {
		return
	}
	found := m.remote(id)
	found.seen = nil
	switch a.variant {
	case "topic":
		m.w.emulator.UpdateThread(id, func(t *emulator.Thread) { t.Topic = fmt.Sprint("drift ", a.n) })
	case "metadata":
		m.driftMetadata(id, fmt.Sprint("key ", a.n), "drift")
	case "retention":
		m.w.emulator.UpdateThread(id, func(t *emulator.Thread) { t.RetentionDays = 40 + int32(a.n) }) //nolint:gosec // small
		switch {
		case m.isRetentionEnforced(id):
			found.retention = -1
		case found.retention >= 0:
			found.retention = 40 + int32(a.n) //nolint:gosec // small
		}
	case "delete":
		m.w.emulator.DeleteThread(id)
		found.deleted = true
		m.losses++
	case "empty the stamp":
		m.driftStamp(stored, remote)
	default:
		m.driftMember(a, declared, stored, remote)
	}
}

// isRetentionEnforced reports whether a resource repairs the retention of a thread, before another
// one may adopt it.
func (m *modelRun) isRetentionEnforced(id string) bool {
	return slices.ContainsFunc(m.referring(id), func(name string) bool {
		_, enforced := wantedDays(m.threads[name].spec)
		return enforced
	})
}

func (m *modelRun) driftStamp(stored *chatv1alpha1.ChatThread, remote emulator.Thread) {
	if remote.Metadata[chatv1alpha1.StampUID] == string(stored.UID) && stored.Status.ThreadID == remote.ID {
		m.driftMetadata(remote.ID, chatv1alpha1.StampOwner, "")
		m.driftMetadata(remote.ID, chatv1alpha1.StampUID, "")
	}
}

func (m *modelRun) driftMetadata(id, key, value string) {
	m.w.emulator.UpdateThread(id, func(t *emulator.Thread) {
		if t.Metadata == nil {
			t.Metadata = map[string]string{}
		}
		t.Metadata[key] = value
	})
	if kept := m.remote(id).kept; value != "" {
		delete(kept, key)
	}
}

func (m *modelRun) driftMember(a modelAction, declared *modelThread, stored *chatv1alpha1.ChatThread, remote emulator.Thread) {
	found := m.remote(remote.ID)
	user := a.members[0].id(m.w)
	isActor := slices.Contains(m.w.serviceUsers(), user)
	switch {
	case a.variant == "remove" && !isActor:
		m.w.emulator.RemoveMember(remote.ID, user)
		delete(found.guests, acs.UserKey(user))
	case a.variant == "add" && a.members[0].user < modelPeople && !hasMember(remote, user):
		member := emulator.Member{ID: user}
		if a.members[0].name > 0 {
			member.DisplayName = fmt.Sprint("name ", a.members[0].name)
		}
		m.w.emulator.AddMember(remote.ID, member)
		found.added[acs.UserKey(user)]++
		found.guests[acs.UserKey(user)] = m.mayStay(remote.ID, user)
	case a.variant == "shut us out" && stored.Status.ServiceUser != "":
		m.w.emulator.RemoveMember(remote.ID, stored.Status.ServiceUser)
	case a.variant == "let us in":
		// An empty id stands for no service user.
		actors := append(m.actors(declared.spec), "")
		if actor := cmp.Or(stored.Annotations[chatv1alpha1.AnnotationServiceUser], actors[0]); actor != "" && !hasMember(remote, actor) {
			m.w.emulator.AddMember(remote.ID, emulator.Member{ID: actor})
		}
	}
}

// declares reports whether a resource declares a user for a thread.
func (m *modelRun) declares(name, user string) bool {
	for _, member := range m.threads[name].spec.Participants {
		if strings.EqualFold(string(member.UserID), user) {
			return true
		}
	}
	for _, p := range m.participants {
		if p.spec.ThreadRef.Name == name && strings.EqualFold(string(p.spec.UserID), user) {
			return true
		}
	}
	return false
}
