// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package census counts the objects of the operator by their state, for metrics.
//
// It counts as objects change, by the events of the cache, so a scrape costs the same however many
// objects there are. It keeps a record of those objects only that are not ready, or are being
// deleted. It reads no object and writes nothing.
package census

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// state is the condition of an object as an on-call person sees it.
type state string

// The states of an object.
const (
	ready       state = "ready"
	reconciling state = "reconciling"
	stalled     state = "stalled"
)

// group has the properties that the objects of one count share.
type group struct {
	kind   string
	state  state
	reason string
}

// Census counts the objects of some kinds. Its methods may be called from any goroutine.
type Census struct {
	mu     sync.Mutex
	counts map[group]int
	// rejected is the number of members that ACS refuses.
	rejected int
	// unready holds the objects of each kind that are not ready, by their state, and deleting those
	// that are being deleted, the oldest first.
	unready  map[string]map[state]*waiting
	deleting map[string]*waiting
}

// New returns a census of no objects. The kinds are shown even if they have no objects.
func New(kinds ...string) *Census {
	c := &Census{counts: map[group]int{}, unready: map[string]map[state]*waiting{}, deleting: map[string]*waiting{}}
	for _, kind := range kinds {
		c.unready[kind] = map[state]*waiting{reconciling: newWaiting(), stalled: newWaiting()}
		c.deleting[kind] = newWaiting()
	}
	return c
}

// Handler returns the handler for the events of the objects of a kind.
func (c *Census) Handler(kind string) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { c.change(kind, nil, obj) },
		UpdateFunc: func(before, after any) { c.change(kind, before, after) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			c.change(kind, obj, nil)
		},
	}
}

// change counts an object as it is now, and no more as it was. An object that is new, or gone, is
// nil before, or after.
func (c *Census) change(kind string, before, after any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if obj, ok := before.(objects.Conditioned); ok {
		c.count(kind, obj, -1)
	}
	obj, ok := after.(objects.Conditioned)
	if !ok {
		if gone, ok := before.(objects.Conditioned); ok {
			c.keep(kind, gone.GetUID(), ready, time.Time{})
			c.deleting[kind].remove(gone.GetUID())
		}
		return
	}
	c.count(kind, obj, 1)
	if deleted := obj.GetDeletionTimestamp(); deleted != nil {
		c.keep(kind, obj.GetUID(), ready, time.Time{})
		c.deleting[kind].put(obj.GetUID(), deleted.Time)
		return
	}
	c.keep(kind, obj.GetUID(), stateOf(obj), c.unreadySince(kind, obj))
}

// keep records since when an object has not been ready, with others in the same state. One that is
// ready needs no record.
func (c *Census) keep(kind string, uid types.UID, in state, since time.Time) {
	for of, others := range c.unready[kind] {
		if of == in {
			others.put(uid, since)
		} else {
			others.remove(uid)
		}
	}
}

func (c *Census) count(kind string, obj objects.Conditioned, by int) {
	_, reason := objects.ReadyReason(obj)
	of := group{kind, stateOf(obj), reason}
	if c.counts[of] += by; c.counts[of] == 0 {
		delete(c.counts, of)
	}
	if thread, ok := obj.(*chatv1alpha1.ChatThread); ok && thread.Status.Participants != nil {
		c.rejected += by * int(thread.Status.Participants.Rejected)
	}
}

// unreadySince returns since when an object is not ready. A change of the spec has no time of its
// own: it counts from the moment at which this process learned of it.
func (c *Census) unreadySince(kind string, obj objects.Conditioned) time.Time {
	shown := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
	if shown == nil {
		return obj.GetCreationTimestamp().Time
	}
	if shown.Status != "True" {
		return shown.LastTransitionTime.Time
	}
	for _, others := range c.unready[kind] {
		if since, known := others.since(obj.GetUID()); known {
			return since
		}
	}
	return time.Now()
}

// stateOf returns the state of an object. After a change of its spec it is reconciling.
func stateOf(obj objects.Conditioned) state {
	conditions := obj.GetConditions()
	isTrue := func(of string) bool {
		found := apimeta.FindStatusCondition(conditions, of)
		return found != nil && found.Status == "True" && found.ObservedGeneration == obj.GetGeneration()
	}
	switch {
	case isTrue(chatv1alpha1.ConditionReady):
		return ready
	case isTrue(chatv1alpha1.ConditionStalled):
		return stalled
	default:
		return reconciling
	}
}

// The metrics of a census. No label names an object.
var (
	objectsDesc = prometheus.NewDesc("acs_chat_operator_objects",
		"Objects by kind, state (ready, reconciling, stalled) and reason of their Ready condition; the reason is empty before the first reconcile.",
		[]string{"kind", "state", "reason"}, nil)
	threadsDesc = prometheus.NewDesc("acs_chat_operator_threads",
		"ChatThreads by the reason of their Ready condition, as in acs_chat_operator_objects, which has the other kinds too.", []string{"reason"}, nil)
	unreadyDesc = prometheus.NewDesc("acs_chat_operator_oldest_unready_seconds",
		"For how long the oldest of the objects that are not ready has not been ready, by kind and state (reconciling, stalled); 0 if there is none. Objects in deletion do not count.",
		[]string{"kind", "state"}, nil)
	deletionDesc = prometheus.NewDesc("acs_chat_operator_oldest_deletion_seconds",
		"Time since the oldest request to delete an object of a kind that still exists; 0 if there is none.", []string{"kind"}, nil)
	rejectedDesc = prometheus.NewDesc("acs_chat_operator_members_rejected",
		"Declared members that are not in their threads because they were refused, of all ChatThreads.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *Census) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{objectsDesc, threadsDesc, unreadyDesc, deletionDesc, rejectedDesc} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Census) Collect(samples chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	show := func(desc *prometheus.Desc, value float64, labels ...string) {
		samples <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	threads := map[string]int{}
	for of, n := range c.counts {
		show(objectsDesc, float64(n), of.kind, string(of.state), of.reason)
		if of.kind == "ChatThread" {
			threads[of.reason] += n
		}
	}
	for reason, n := range threads {
		show(threadsDesc, float64(n), reason)
	}
	now := time.Now()
	for kind := range c.unready {
		for in, others := range c.unready[kind] {
			show(unreadyDesc, others.oldest(now).Seconds(), kind, string(in))
		}
		show(deletionDesc, c.deleting[kind].oldest(now).Seconds(), kind)
	}
	show(rejectedDesc, float64(c.rejected))
}
