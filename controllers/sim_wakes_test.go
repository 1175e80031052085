// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The simulation plays the watches that a manager has: a change of the labels of a namespace reaches its threads at
// once, and not at the next resync.
func TestSimWakesThreadsOfNamespace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t, emulator.Options{}, 1, 1)
		w.connect(1)
		simEdit(w, &chatv1alpha1.ChatConnection{ObjectMeta: metav1.ObjectMeta{Namespace: simNamespace, Name: "default"}}, func(conn *chatv1alpha1.ChatConnection) {
			conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{
				From:     chatv1alpha1.NamespacesFromSelector,
				Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"chat": "yes"}},
			}
		})
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other"}}
		w.create(namespace)
		thread := simThreadNamed("room", w.people...)
		thread.Namespace, thread.Spec.ConnectionRef.Namespace = namespace.Name, simNamespace
		w.create(thread)
		w.run(time.Minute)
		if got := shown(w.stored(simThread)[0]); got != "Stalled "+chatv1alpha1.ReasonNamespaceNotAllowed {
			t.Fatalf("the thread shows %q", got)
		}
		simEdit(w, namespace, func(n *corev1.Namespace) { n.Labels = map[string]string{"chat": "yes"} })
		w.run(5 * time.Second)
		if got := shown(w.stored(simThread)[0]); got != showsReady {
			t.Errorf("the thread shows %q", got)
		}
	})
}
