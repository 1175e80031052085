// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/peak"
)

// No metric contains the name of a resource, a user or a thread.
var (
	recreations = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "acs_chat_operator_recreations_total",
		Help: "Threads created in the place of one that had been deleted at ACS.",
	})
	changesMade = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acs_chat_operator_changes_total",
		Help: "Changes made at ACS: threads (thread_created, thread_adopted, thread_updated, thread_deleted) and members (members_added, members_removed), " +
			"by cause: spec if a declaration changed, drift if somebody changed the thread at ACS.",
	}, []string{"change", "cause"})
	resyncLag = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "acs_chat_operator_resync_lag_seconds",
		Help: "How late the latest of the resyncs of the last 10 minutes began, after it was due or had found no room in the quota.",
	}, func() float64 { return lateResyncs.Value(time.Now()) })
)

// lateResyncs are the times by which resyncs began too late, in seconds.
var lateResyncs = peak.Over(10 * time.Minute)

// noteResync notes the beginning of a resync that was due at a moment.
func noteResync(due, now time.Time) { lateResyncs.Note(now, max(now.Sub(due).Seconds(), 0)) }

func init() {
	metrics.Registry.MustRegister(recreations, changesMade, resyncLag)
	// A counter must exist before its first change: otherwise no rate shows that one.
	for change, causes := range changeCauses {
		for _, cause := range causes {
			changesMade.WithLabelValues(string(change), string(cause))
		}
	}
}

// change is a kind of change at ACS.
type change string

// The kinds of changes.
const (
	threadCreated  change = "thread_created"
	threadAdopted  change = "thread_adopted"
	threadUpdated  change = "thread_updated"
	threadDeleted  change = "thread_deleted"
	membersAdded   change = "members_added"
	membersRemoved change = "members_removed"
)

// cause is the reason for a change at ACS.
type cause string

const (
	causeSpec  cause = "spec"
	causeDrift cause = "drift"
)

// changeCauses are the causes that each kind of change may have.
var changeCauses = map[change][]cause{
	threadCreated:  {causeSpec, causeDrift},
	threadAdopted:  {causeSpec},
	threadUpdated:  {causeSpec, causeDrift},
	threadDeleted:  {causeSpec},
	membersAdded:   {causeSpec, causeDrift},
	membersRemoved: {causeSpec, causeDrift},
}

// countChange counts a number of changes of one kind.
func countChange(of change, by cause, n int) {
	changesMade.WithLabelValues(string(of), string(by)).Add(float64(n))
}

// stateMetrics collects its values on request, from the state of the connections. No value takes a
// look at each thread.
type stateMetrics struct {
	sessions   *connection.Registry
	floor      *prometheus.Desc
	services   *prometheus.Desc
	oldestRead *prometheus.Desc
}

func newStateMetrics(sessions *connection.Registry) *stateMetrics {
	return &stateMetrics{
		sessions: sessions,
		floor: prometheus.NewDesc("acs_chat_operator_resync_floor_seconds",
			"How far apart resyncs must be for those of all threads to fit into the quota on reads; a longer resyncInterval is kept, a shorter one is stretched to this.", nil, nil),
		services: prometheus.NewDesc("acs_chat_operator_services",
			"ACS resources that ChatConnections name, by state: answers, unreachable if the last call had no answer, unknown before the first call.", []string{"state"}, nil),
		oldestRead: prometheus.NewDesc("acs_chat_operator_credentials_oldest_read_timestamp_seconds",
			"Of all ChatConnections, the oldest of the times at which their credentials were last read; Unix time, absent before the first read.", nil, nil),
	}
}

func (c *stateMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.floor, c.services, c.oldestRead} {
		descs <- desc
	}
}

func (c *stateMetrics) Collect(samples chan<- prometheus.Metric) {
	show := func(desc *prometheus.Desc, value float64, labels ...string) {
		samples <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	show(c.floor, c.sessions.ResyncFloor().Seconds())
	for state, n := range c.sessions.Services() {
		show(c.services, float64(n), state)
	}
	if oldest := c.sessions.OldestRead(); !oldest.IsZero() {
		show(c.oldestRead, float64(oldest.UnixMilli())/1000)
	}
}

// collectors are several collectors that are registered as one.
type collectors []prometheus.Collector

func (c collectors) Describe(descs chan<- *prometheus.Desc) {
	for _, one := range c {
		one.Describe(descs)
	}
}

func (c collectors) Collect(samples chan<- prometheus.Metric) {
	for _, one := range c {
		one.Collect(samples)
	}
}
