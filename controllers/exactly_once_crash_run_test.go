// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// crashPeople is the number of members: one more than a create has room for.
const crashPeople = 201

// crashStep is done when the operator, or its successor, has completed it.
type crashStep struct {
	do   func(*crashRun)
	done func(*crashRun) bool
}

// crashSteps create a connection and a thread, and then request a reconcile of both.
var crashSteps = []crashStep{
	{
		do: func(r *crashRun) {
			r.conn = r.connect(func(conn *chatv1alpha1.ChatConnection) {
				// With the name of the service user, a create has room for 199 others.
				conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{DisplayName: "Concierge"}
			})
		},
		done: func(r *crashRun) bool { return r.isReady(r.conn) },
	},
	{
		do: func(r *crashRun) {
			r.room = r.newThread("room", r.people...)
			r.create(r.room)
		},
		done: func(r *crashRun) bool { return r.isReady(r.room) },
	},
	{do: func(r *crashRun) { r.lookAgain("now") }, done: func(r *crashRun) bool { return r.hasLooked("now") }},
}

// crashRun is one run of the scenario.
type crashRun struct {
	*world
	people []string
	conn   *chatv1alpha1.ChatConnection
	room   *chatv1alpha1.ChatThread
	// operators are the operator that dies and its successor.
	operators []*mortalOperator
}

// forgetful is a service at which only the rule on lists prevents a second thread after a crash. It
// forgets request ids at once, and lists a new thread only after a successor has started.
var forgetful = emulator.Options{
	RepeatabilityWindow: time.Nanosecond, ListDelay: crashListAfter * 9 / 10, DeletedThreads: emulator.DeletedMarked, Seed: "crash",
}

// crashListAfter is the time after its start from which an operator trusts a list.
const crashListAfter = 1500 * time.Millisecond

// playCrash makes a run in which the operator dies as planned.
func playCrash(t *testing.T, plan *crash) *crashRun {
	t.Helper()
	r := &crashRun{world: newWorld(t, forgetful)}
	r.timing.listAfter = crashListAfter
	r.people = r.users(crashPeople)
	r.operators = append(r.operators, r.startMortal())
	r.operators[0].arm(plan)
	for _, step := range crashSteps {
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

// finish waits until a step is done. It replaces an operator that dies meanwhile.
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

// hasSuccessor reports whether an operator died and was replaced.
func (r *crashRun) hasSuccessor() bool { return len(r.operators) == 2 }

// lookAgain requests a reconcile of the connection and of the thread.
func (r *crashRun) lookAgain(value string) {
	r.t.Helper()
	for _, obj := range []client.Object{r.conn, r.room} {
		edit(r.world, obj, func(o client.Object) { objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, value) })
	}
}

// hasLooked reports whether that request was answered, and both are Ready.
func (r *crashRun) hasLooked(value string) bool {
	r.t.Helper()
	return r.isReady(r.conn) && r.conn.Status.LastHandledReconcileAt == value &&
		r.isReady(r.room) && r.room.Status.LastHandledReconcileAt == value
}

// isReady reports whether the object is Ready in its present generation.
func (r *crashRun) isReady(obj objects.Conditioned) bool {
	r.t.Helper()
	r.get(obj)
	_, reason := objects.ReadyReason(obj)
	return reason == chatv1alpha1.ReasonSucceeded && operatortest.ObservedGeneration(obj) == obj.GetGeneration()
}

// crashEnd is the state after a run.
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
		r.get(obj)
		end.lines = append(end.lines, operatortest.Describe(obj, r.emulator))
	}
	for _, thread := range r.threads() {
		delete(thread.Metadata, chatv1alpha1.StampUID)
		delete(thread.Metadata, chatv1alpha1.StampOwner)
		end.lines = append(end.lines, operatortest.DescribeThread(thread, service))
	}
	return end
}
