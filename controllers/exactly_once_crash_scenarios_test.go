// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// crashScenario is something that users do, step by step, and that must come to its end whoever dies.
type crashScenario struct {
	name   string
	people int
	// before is what is there when it begins: nobody dies of that.
	before, steps []crashStep
}

// crashStep is done when the operator, or its successor, has brought it to its end.
type crashStep struct {
	do   func(*crashRun)
	done func(*crashRun) bool
}

var crashScenarios = []crashScenario{
	{name: "create", people: 201, steps: []crashStep{connectStep, openStep(201), lookStep}},
	{name: "edit", people: 7, before: []crashStep{connectStep, openStep(5)}, steps: []crashStep{
		{do: (*crashRun).rearrange, done: (*crashRun).isRoomReady}, lookStep,
	}},
	{name: "recreate and delete", people: 3, before: []crashStep{connectStep, openStep(3), ageStep}, steps: []crashStep{
		{do: func(r *crashRun) {
			r.emulator.DeleteThread(r.room.Status.ThreadID)
			edit(r.world, r.room, func(o *chatv1alpha1.ChatThread) {
				objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
			})
		}, done: func(r *crashRun) bool { return r.isRoomReady() && r.room.Status.Incarnation == 1 }},
		{do: func(r *crashRun) { r.delete(r.room) }, done: func(r *crashRun) bool { return r.isGone(r.room) }},
		{do: func(r *crashRun) { r.delete(r.conn) }, done: func(r *crashRun) bool { return r.isGone(r.conn) }},
	}},
}

var connectStep = crashStep{
	do: func(r *crashRun) {
		r.conn = r.connect(func(conn *chatv1alpha1.ChatConnection) {
			// With the service user's name in it, a create has room for 199 others.
			conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{DisplayName: "Concierge"}
		})
	},
	done: func(r *crashRun) bool { return r.isReady(r.conn) },
}

// ageStep lets the operator believe lists at once, as one does that has run for a while.
var ageStep = crashStep{
	do:   func(r *crashRun) { r.aged = time.Now().Add(r.timing.listAfter) },
	done: func(r *crashRun) bool { return time.Now().After(r.aged) },
}

// lookStep has whoever is at work look at everything once more.
var lookStep = crashStep{do: func(r *crashRun) { r.lookAgain("now") }, done: func(r *crashRun) bool { return r.hasLooked("now") }}

func openStep(members int) crashStep {
	return crashStep{do: func(r *crashRun) {
		r.room = r.newThread("room", r.people[:members]...)
		r.create(r.room)
	}, done: (*crashRun).isRoomReady}
}

// rearrange changes the topic, adds two members, removes two and adds two again under other names.
func (r *crashRun) rearrange() {
	edit(r.world, r.room, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Topic = "another"
		o.Spec.Participants = r.newThread("", slices.Concat(r.people[:3], r.people[5:])...).Spec.Participants
		for i := range o.Spec.Participants[1:3] {
			o.Spec.Participants[1+i].DisplayName = fmt.Sprint("renamed ", i)
		}
	})
}

// crashRun is one run of a scenario.
type crashRun struct {
	*world
	people []string
	conn   *chatv1alpha1.ChatConnection
	room   *chatv1alpha1.ChatThread
	aged   time.Time
	// operators are the one that dies and its successor.
	operators []*mortalOperator
}

// forgetful is a service where nothing but the rule on lists stands between a crash and a second thread:
// it knows no create again, and lists a new thread later than a successor takes to start.
var forgetful = emulator.Options{
	RepeatabilityWindow: time.Nanosecond, ListDelay: crashListAfter * 9 / 10, DeletedThreads: emulator.DeletedMarked, Seed: "crash",
}

// crashListAfter is how long after its start an operator believes a list.
const crashListAfter = 1500 * time.Millisecond

// play makes a run in which the operator dies as planned.
func (s crashScenario) play(t *testing.T, plan *crash) *crashRun {
	t.Helper()
	r := &crashRun{world: newWorld(t, forgetful)}
	r.timing.listAfter = crashListAfter
	r.people = r.users(s.people)
	r.operators = append(r.operators, r.startMortal())
	for _, step := range s.before {
		step.do(r)
		r.finish(step)
	}
	r.operators[0].arm(plan)
	for _, step := range s.steps {
		step.do(r)
		r.finish(step)
	}
	r.operators[0].rest()
	r.lookAgain("in the end")
	r.finish(crashStep{done: func(r *crashRun) bool { return r.hasLooked("in the end") }})
	for _, o := range r.operators {
		o.stop()
	}
	return r
}

// finish waits for the end of a step. An operator that dies of it has a successor.
func (r *crashRun) finish(step crashStep) {
	r.t.Helper()
	r.Eventually(func() bool {
		if last := r.operators[len(r.operators)-1]; last.isDead() {
			last.stop()
			next := r.startMortal()
			next.arm(nil)
			r.operators = append(r.operators, next)
		}
		return step.done(r)
	}).WithTimeout(time.Minute).Should(BeTrue(), func() string { return describe(r.room) })
}

// hasSuccessor says that an operator died and another one came.
func (r *crashRun) hasSuccessor() bool { return len(r.operators) == 2 }

// lookAgain asks for a pass over everything that is there.
func (r *crashRun) lookAgain(value string) {
	r.t.Helper()
	for _, obj := range []client.Object{r.conn, r.room} {
		if !r.isGone(obj) {
			edit(r.world, obj, func(o client.Object) { objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, value) })
		}
	}
}

// hasLooked says whether that was answered, and all is Ready.
func (r *crashRun) hasLooked(value string) bool {
	r.t.Helper()
	return (r.isGone(r.conn) || r.isReady(r.conn) && r.conn.Status.LastHandledReconcileAt == value) &&
		(r.isGone(r.room) || r.isReady(r.room) && r.room.Status.LastHandledReconcileAt == value)
}

func (r *crashRun) isRoomReady() bool { return r.isReady(r.room) }

// isReady says whether the object, as it is stored now, is declared Ready.
func (r *crashRun) isReady(obj objects.Conditioned) bool {
	r.t.Helper()
	r.get(obj)
	_, reason := objects.ReadyReason(obj)
	return reason == chatv1alpha1.ReasonSucceeded && operatortest.ObservedGeneration(obj) == obj.GetGeneration()
}

func (r *crashRun) isGone(obj client.Object) bool {
	r.t.Helper()
	err := admin.Get(r.t.Context(), client.ObjectKeyFromObject(obj), obj)
	r.Expect(client.IgnoreNotFound(err)).To(Succeed())
	return apierrors.IsNotFound(err)
}

// crashEnd is the state that a run led to.
type crashEnd struct {
	lines           []string
	created, users  int
	joins, removals map[string]int
	effects         []string
}

// end describes the API server and the service.
func (r *crashRun) end() crashEnd {
	r.t.Helper()
	end := crashEnd{created: len(r.emulator.Threads()), joins: map[string]int{}, removals: map[string]int{}, effects: r.operators[0].effects}
	service := map[string]bool{}
	for _, id := range r.emulator.Users() {
		service[id] = !slices.Contains(r.people, id)
	}
	end.users = len(service) - len(r.people)
	for _, o := range r.operators {
		for user, times := range o.joins {
			end.joins[user] += times
		}
		for user, times := range o.removals {
			end.removals[user] += times
		}
	}
	for _, obj := range []objects.Conditioned{r.conn, r.room} {
		if !r.isGone(obj) {
			end.lines = append(end.lines, operatortest.Describe(obj, r.emulator))
		}
	}
	for _, thread := range r.threads() {
		delete(thread.Metadata, chatv1alpha1.StampUID)
		delete(thread.Metadata, chatv1alpha1.StampOwner)
		end.lines = append(end.lines, operatortest.DescribeThread(thread, service))
	}
	return end
}
