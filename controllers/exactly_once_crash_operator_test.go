// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/client-go/rest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// crashWay is the moment of a crash, relative to an effect.
type crashWay string

const (
	crashBefore crashWay = "before"
	// crashAfter completes the effect and loses the answer.
	crashAfter crashWay = "after"
	// crashAmid completes half of a batch.
	crashAmid crashWay = "amid"
)

// crash is a planned crash at an effect, which has a name and a number.
type crash struct {
	effect string
	way    crashWay
}

func (c crash) String() string { return fmt.Sprintf("%s %s", c.way, c.effect) }

// mortalOperator is a running operator that can crash at an effect: a write to our kinds, or a call
// that changes something at the service. After the crash, none of its requests gets through.
type mortalOperator struct {
	emulator *emulator.Server
	stop     func()

	mu sync.Mutex
	// plan is the planned crash, or nil.
	plan *crash
	// armed records effects and allows the crash.
	armed   bool
	effects []string
	dead    bool
	// joins and removals count by user how often it joined a thread or was removed.
	joins, removals map[string]int
}

// startMortal starts an operator that cannot crash before it is armed.
func (w *world) startMortal() *mortalOperator {
	w.t.Helper()
	o := &mortalOperator{emulator: w.emulator, joins: map[string]int{}, removals: map[string]int{}}
	api := rest.CopyConfig(operatorConfig)
	api.Wrap(func(next http.RoundTripper) http.RoundTripper { return roundTrip(o.toAPIServer(next)) }) //nolint:bodyclose // no call is made here
	options := w.options
	client := *options.HTTPClient
	client.Transport = roundTrip(o.toService(options.HTTPClient.Transport)) //nolint:bodyclose // as above
	options.HTTPClient = &client
	o.stop = w.startAs(api, options)
	return o
}

var (
	errDead = errors.New("the operator is dead")
	// ownPath matches the path of an object of our kinds, or of its status.
	ownPath = regexp.MustCompile(`^/apis/chat\.acs-operator\.io/v1alpha1/namespaces/[^/]+/(.+)$`)
)

// toAPIServer is the transport to the API server. After the crash it answers each request with a
// refusal: without an answer, the recorder of events would retry for minutes.
func (o *mortalOperator) toAPIServer(next http.RoundTripper) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		effect := ""
		if own := ownPath.FindStringSubmatch(req.URL.Path); own != nil && req.Method != http.MethodGet {
			effect = req.Method + " " + own[1] + reasonIn(req)
		}
		way, alive := o.enter(effect)
		if !alive || way == crashBefore {
			return forbidden(req), nil
		}
		response, err := next.RoundTrip(req)
		if way == crashAfter {
			o.die()
			if err == nil {
				err = response.Body.Close()
			}
			return forbidden(req), err
		}
		return response, err
	}
}

// readyInPatch finds the reason of the Ready condition in a patch of a status.
var readyInPatch = regexp.MustCompile(`"reason":"(\w+)"[^{}]*"type":"Ready"`)

// reasonIn returns the reason that a write of a status sets.
func reasonIn(req *http.Request) string {
	if req.GetBody == nil {
		return ""
	}
	body, err := req.GetBody()
	if err != nil {
		return ""
	}
	patch, err := io.ReadAll(body)
	if reason := readyInPatch.FindSubmatch(patch); err == nil && reason != nil {
		return " " + string(reason[1])
	}
	return ""
}

// toService is the transport to the service.
func (o *mortalOperator) toService(next http.RoundTripper) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		operation, _ := req.Context().Value(runtime.CtxAPINameKey{}).(string)
		// A token changes nothing at the service.
		changes := req.Method != http.MethodGet && !strings.HasSuffix(operation, "IssueToken")
		if !changes {
			operation = ""
		}
		way, alive := o.enter(operation)
		if !alive || way == crashBefore {
			return nil, errDead
		}
		if way == crashAmid {
			if err := operatortest.Halve(req); err != nil {
				return nil, err
			}
		}
		before := o.emulator.Threads()
		response, err := next.RoundTrip(req)
		if changes {
			o.countMembers(before, o.emulator.Threads())
		}
		if way != "" {
			o.die()
			if err == nil {
				err = response.Body.Close()
			}
			return nil, errors.Join(errDead, err)
		}
		return response, err
	}
}

// enter records an effect and returns the planned crash for it. alive is false after the crash.
func (o *mortalOperator) enter(effect string) (way crashWay, alive bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || effect == "" || !o.armed {
		return "", !o.dead
	}
	times := 1
	for _, before := range o.effects {
		if strings.HasPrefix(before, effect+" #") {
			times++
		}
	}
	effect = fmt.Sprintf("%s #%d", effect, times)
	o.effects = append(o.effects, effect)
	if o.plan == nil || o.plan.effect != effect {
		return "", true
	}
	o.dead = o.plan.way == crashBefore
	return o.plan.way, true
}

func (o *mortalOperator) die() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = true
}

func (o *mortalOperator) isDead() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dead
}

// arm starts the record of effects, and sets the planned crash.
func (o *mortalOperator) arm(plan *crash) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed, o.plan = true, plan
	o.joins, o.removals = map[string]int{}, map[string]int{}
}

// rest ends the record, and allows no crash from now on.
func (o *mortalOperator) rest() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
}

// countMembers counts members that joined or left between two states of the service.
func (o *mortalOperator) countMembers(before, after []emulator.Thread) {
	was, is := memberships(before), memberships(after)
	o.mu.Lock()
	defer o.mu.Unlock()
	for membership, user := range is {
		if _, ok := was[membership]; !ok {
			o.joins[user]++
		}
	}
	for membership, user := range was {
		if _, ok := is[membership]; !ok {
			o.removals[user]++
		}
	}
}

// memberships are the members of all existing threads, without the creators.
func memberships(threads []emulator.Thread) map[string]string {
	found := map[string]string{}
	for _, thread := range threads {
		for _, m := range thread.Members {
			if m.ID != thread.CreatedBy {
				found[thread.ID+" "+m.ID] = m.ID
			}
		}
	}
	return found
}

// forbidden is the answer of the API server after the crash.
func forbidden(req *http.Request) *http.Response {
	body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"the operator is dead","code":403}`
	return &http.Response{
		Status: "403 Forbidden", StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}
