// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package census_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/census"
)

const kind = "ChatThread"

// thread returns a ChatThread that was created at a time, with conditions.
func thread(uid string, created time.Time, conditions ...metav1.Condition) *chatv1alpha1.ChatThread {
	return &chatv1alpha1.ChatThread{
		ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), CreationTimestamp: metav1.NewTime(created), Generation: 1},
		Status:     chatv1alpha1.ChatThreadStatus{Conditions: conditions},
	}
}

func condition(name string, status metav1.ConditionStatus, reason string, since time.Time) metav1.Condition {
	return metav1.Condition{Type: name, Status: status, Reason: reason, ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(since)}
}

func isReady(since time.Time) metav1.Condition {
	return condition(chatv1alpha1.ConditionReady, metav1.ConditionTrue, "Succeeded", since)
}

func isUnready(reason string, since time.Time) metav1.Condition {
	return condition(chatv1alpha1.ConditionReady, metav1.ConditionFalse, reason, since)
}

// gather returns the values of all series of a census, by name and labels.
func gather(g Gomega, c prometheus.Collector) map[string]float64 {
	registry := prometheus.NewPedanticRegistry()
	g.Expect(registry.Register(c)).To(Succeed())
	families, err := registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue()
		}
	}
	return values
}

const prefix = "acs_chat_operator_"

// An object counts with its present state, and once.
func TestCounts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	now := time.Now()
	c := census.New(kind)
	handler := c.Handler(kind)
	fresh := thread("a", now)
	handler.OnAdd(fresh, true)
	g.Expect(gather(g, c)).To(HaveKeyWithValue(prefix+"objects "+kind+"  reconciling", 1.0))

	searching := thread("a", now, isUnready("Searching", now))
	handler.OnUpdate(fresh, searching)
	rejected := thread("a", now, isUnready("ParticipantRejected", now), condition(chatv1alpha1.ConditionStalled, metav1.ConditionTrue, "ParticipantRejected", now))
	rejected.Status.Participants = &chatv1alpha1.ParticipantCounts{Desired: 5, Joined: 2, Rejected: 3}
	handler.OnUpdate(searching, rejected)
	handler.OnAdd(thread("b", now, isReady(now)), false)
	values := gather(g, c)
	g.Expect(values).To(HaveKeyWithValue(prefix+"objects "+kind+" ParticipantRejected stalled", 1.0))
	g.Expect(values).To(HaveKeyWithValue(prefix+"objects "+kind+" Succeeded ready", 1.0))
	g.Expect(values).To(HaveKeyWithValue(prefix+"threads ParticipantRejected", 1.0))
	g.Expect(values).To(HaveKeyWithValue(prefix+"members_rejected", 3.0))
	g.Expect(values).NotTo(HaveKey(prefix + "objects " + kind + " Searching reconciling"))

	handler.OnDelete(cache.DeletedFinalStateUnknown{Key: "x/a", Obj: rejected})
	values = gather(g, c)
	g.Expect(values).To(HaveKeyWithValue(prefix+"members_rejected", 0.0))
	g.Expect(values).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" reconciling", 0.0))
	g.Expect(values).NotTo(HaveKey(prefix + "threads ParticipantRejected"))
}

// A Ready condition of an earlier generation says nothing of the present one.
func TestChangedSpecIsReconciling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		c := census.New(kind)
		handler := c.Handler(kind)
		before := thread("a", time.Now().Add(-time.Hour), isReady(time.Now().Add(-time.Hour)))
		handler.OnAdd(before, true)
		changed := before.DeepCopy()
		changed.Generation = 2
		handler.OnUpdate(before, changed)
		g.Expect(acstest.Delay(t.Context(), time.Minute)).To(Succeed())
		other := changed.DeepCopy()
		other.Annotations = map[string]string{"a": "b"}
		handler.OnUpdate(changed, other)
		values := gather(g, c)
		g.Expect(values).To(HaveKeyWithValue(prefix+"objects "+kind+" Succeeded reconciling", 1.0))
		g.Expect(values).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" reconciling", 60.0))
	})
}

// The oldest object that is not ready counts from its loss of readiness, one in deletion from the
// request to delete it.
func TestOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		now := time.Now()
		c := census.New(kind)
		handler := c.Handler(kind)
		ago := func(d time.Duration) time.Time { return now.Add(-d) }
		old := thread("old", ago(time.Hour), isUnready("Throttled", ago(10*time.Minute)))
		handler.OnAdd(thread("fresh", ago(5*time.Minute)), true)
		handler.OnAdd(old, true)
		handler.OnAdd(thread("ready", ago(time.Hour), isReady(ago(time.Hour))), true)
		g.Expect(gather(g, c)).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" reconciling", 600.0))

		stalled := thread("old", ago(time.Hour), isUnready("Drifted", ago(20*time.Minute)), condition(chatv1alpha1.ConditionStalled, metav1.ConditionTrue, "Drifted", ago(20*time.Minute)))
		handler.OnUpdate(old, stalled)
		values := gather(g, c)
		g.Expect(values).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" reconciling", 300.0))
		g.Expect(values).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" stalled", 1200.0))
		handler.OnUpdate(stalled, old)

		deleted := old.DeepCopy()
		deleted.DeletionTimestamp = new(metav1.NewTime(ago(time.Minute)))
		handler.OnUpdate(old, deleted)
		values = gather(g, c)
		g.Expect(values).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" reconciling", 300.0))
		g.Expect(values).To(HaveKeyWithValue(prefix+"oldest_deletion_seconds "+kind, 60.0))

		handler.OnDelete(deleted)
		g.Expect(gather(g, c)).To(HaveKeyWithValue(prefix+"oldest_deletion_seconds "+kind, 0.0))
	})
}

// The oldest of many objects is right after any order of changes.
func TestOldestOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		now := time.Now()
		c := census.New(kind)
		handler := c.Handler(kind)
		var all []*chatv1alpha1.ChatThread
		for i := range 100 {
			one := thread(fmt.Sprint(i), now, isUnready("Throttled", now.Add(-time.Duration(i*37%100)*time.Second)))
			all = append(all, one)
			handler.OnAdd(one, true)
		}
		for left := 99; left > 0; left-- {
			for i, one := range all {
				if i*37%100 == left {
					handler.OnUpdate(one, thread(string(one.UID), now, isReady(now)))
				}
			}
			g.Expect(gather(g, c)).To(HaveKeyWithValue(prefix+"oldest_unready_seconds "+kind+" reconciling", float64(left-1)))
		}
	})
}

// A scrape does not depend on the number of objects.
func TestScrapeCostsTheSame(t *testing.T) {
	g := NewWithT(t)
	cost := func(objects int) float64 {
		c := census.New(kind)
		handler := c.Handler(kind)
		for i := range objects {
			handler.OnAdd(thread(fmt.Sprint(i), time.Now(), isUnready("Throttled", time.Now())), true)
		}
		return testing.AllocsPerRun(100, func() {
			samples := make(chan prometheus.Metric, 100)
			c.Collect(samples)
		})
	}
	g.Expect(cost(20_000)).To(BeNumerically("==", cost(10)))
}
