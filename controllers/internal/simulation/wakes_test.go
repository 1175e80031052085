// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// The simulation has the watches of a manager: a change of the labels of a namespace reaches its
// threads at once, and not at the next resync.
func TestSimWakesThreadsOfNamespace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, 1, 1)
		w.connect(1)
		edit(w, &chatv1alpha1.ChatConnection{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "default"}}, func(conn *chatv1alpha1.ChatConnection) {
			conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{
				From:     chatv1alpha1.NamespacesFromSelector,
				Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"chat": "yes"}},
			}
		})
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other"}}
		w.create(namespace)
		thread := threadNamed("room", w.people...)
		thread.Namespace, thread.Spec.ConnectionRef.Namespace = namespace.Name, testNamespace
		w.create(thread)
		w.run(time.Minute)
		if got := shown(w.stored(kindThread)[0]); got != "Stalled "+chatv1alpha1.ReasonNamespaceNotAllowed {
			t.Fatalf("the thread shows %q", got)
		}
		edit(w, namespace, func(n *corev1.Namespace) { n.Labels = map[string]string{"chat": "yes"} })
		w.run(5 * time.Second)
		if got := shown(w.stored(kindThread)[0]); got != showsReady {
			t.Errorf("the thread shows %q", got)
		}
	})
}

// A reconcile that only looks for drift gives way to one that a user waits for.
func TestSimPriority(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, 1, 1)
		w.connect(1)
		w.run(time.Minute)
		room := threadNamed("room", w.people...)
		w.outage = func(*http.Request) (*http.Response, error) { return nil, errAnswerLost }
		w.create(room)
		check := func(when string, want int) {
			t.Helper()
			w.run(time.Minute)
			if got := w.process.results[queueKey{kindThread, objects.KeyOf(room)}].Priority; got == nil || *got != want {
				t.Errorf("%s: priority %v, want %d", when, got, want)
			}
		}
		check("ACS does not answer", 0)
		w.outage = nil
		check("the thread is Ready", handler.LowPriority)
		w.run(time.Hour)
		check("there was no drift", handler.LowPriority)
	})
}
