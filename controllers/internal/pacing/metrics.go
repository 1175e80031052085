// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/peak"
)

// quotaWaits names no resource, user or thread, as no metric does.
var quotaWaits = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "acs_chat_operator_quota_waits_total",
	Help: "Calls that had to wait because a quota of ACS had no room, by operation.",
}, []string{"operation"})

// usedWindow is how long a use of a quota is shown: longer than scrapes are apart.
const usedWindow = time.Minute

// quotaUse shows how much of each quota was used lately.
type quotaUse struct {
	desc    *prometheus.Desc
	byClass map[class]*peak.Peak
	// resource is the quota that all users of an ACS resource share.
	resource *peak.Peak
}

var quotaUsed = newQuotaUse()

func newQuotaUse() *quotaUse {
	u := &quotaUse{
		desc: prometheus.NewDesc("acs_chat_operator_quota_used_ratio",
			"The highest share of a quota of ACS that any user or thread has used within the last minute, 1 for all of it; above 1 only by calls that may not wait.", []string{"quota"}, nil),
		byClass: map[class]*peak.Peak{}, resource: peak.Over(usedWindow),
	}
	for of := range documentedQuotas {
		u.byClass[of] = peak.Over(usedWindow)
	}
	return u
}

// note notes the use of a limit by the call that has the last slot.
func (u *quotaUse) note(now time.Time, l *limit) {
	for _, q := range l.quotas {
		u.byClass[l.key.class].Note(now, l.all.used(now, q))
	}
	if l.resource != nil {
		u.resource.Note(now, l.resource.used(now, resourceQuota))
	}
}

// used returns the share of a quota that is used: by calls that count still, and by those that are
// under way or have a slot.
func (s *slots) used(now time.Time, q quota) float64 {
	past, _ := slices.BinarySearchFunc(s.answered, now.Add(-q.window), func(at, limit time.Time) int {
		if at.After(limit) {
			return 1
		}
		return -1
	})
	return float64(len(s.answered)-past+s.open) / float64(q.limit)
}

// Describe implements prometheus.Collector.
func (u *quotaUse) Describe(descs chan<- *prometheus.Desc) { descs <- u.desc }

// Collect implements prometheus.Collector.
func (u *quotaUse) Collect(samples chan<- prometheus.Metric) {
	now := time.Now()
	show := func(quota string, of *peak.Peak) {
		samples <- prometheus.MustNewConstMetric(u.desc, prometheus.GaugeValue, of.Value(now), quota)
	}
	for of, used := range u.byClass {
		show(strings.ReplaceAll(string(of), " ", "_"), used)
	}
	show("create_thread_per_resource", u.resource)
}

func init() {
	metrics.Registry.MustRegister(quotaWaits, quotaUsed)
	// A counter must exist before its first call: otherwise no rate shows that one.
	for operation := range Operations() {
		quotaWaits.WithLabelValues(operation)
	}
}
