// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The operator never lists or watches Secrets, and reads only those that a connection names.
func TestSecretsAreReadByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	seen := &seenRequests{rules: map[string]bool{}}
	// One Secret belongs to no connection, and one connection has no Secret.
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "private"}, StringData: map[string]string{"connectionString": "x"}})
	missing := newConnection(w.namespace, "missing")
	missing.Spec.ConnectionStringSecretRef.Name = "not-there"
	conn := w.connect()
	w.create(missing)
	w.startAs(seen.watching(operatorConfig), w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(missing, chatv1alpha1.ReasonSecretNotFound)

	thread, participant := w.newThread("room", w.users(2)...), w.newParticipant("guest", "room", w.users(1)[0])
	w.create(thread, participant)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.emulator.RotateAccessKey()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"}}
	edit(w, secret, func(o *corev1.Secret) { o.Data["connectionString"] = []byte(w.emulator.ConnectionString(w.server.URL)) })
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[:1] })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	w.delete(participant)
	w.delete(thread)
	w.awaitGone(participant)
	w.awaitGone(thread)
	w.awaitGone(conn)

	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, rule := range slices.Sorted(maps.Keys(seen.rules)) {
		w.Expect(ownRules).To(ContainElement(Or(Equal(rule), HavePrefix(rule+" "))), "used, and not one of the operator's rules")
	}
	w.Expect(seen.rules).To(HaveKey("get secrets"))
	prefix := "GET /api/v1/namespaces/" + w.namespace + "/secrets/"
	for _, path := range seen.paths {
		if strings.Contains(path, "secrets") {
			w.Expect(path).To(BeElementOf(prefix+"acs", prefix+"not-there"))
		}
	}
}
