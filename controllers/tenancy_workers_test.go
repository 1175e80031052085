// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// maxEditWait is the time limit for an edit while other ACS resources hang or are slow.
const maxEditWait = 2 * time.Second

// neighbor is another ACS resource, with connections and threads in the namespace of a world.
type neighbor struct {
	emulator    *emulator.Server
	url         string
	connections []*chatv1alpha1.ChatConnection
	threads     []*chatv1alpha1.ChatThread
}

// newNeighbor creates an ACS resource with connections, and prepares threads of each.
func (w *world) newNeighbor(name string, connections, threads int) *neighbor {
	w.t.Helper()
	n := &neighbor{emulator: emulator.New(emulator.Options{})}
	server := httptest.NewTLSServer(n.emulator)
	w.t.Cleanup(server.Close)
	n.url = server.URL
	host, err := url.Parse(server.URL)
	w.Expect(err).NotTo(HaveOccurred())
	w.options.AllowedEndpoints = append(w.options.AllowedEndpoints, host.Host)
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		StringData: map[string]string{"connectionString": n.emulator.ConnectionString(n.url)}})
	for c := range connections {
		conn := newConnection(w.namespace, fmt.Sprintf("%s-%d", name, c))
		conn.Spec.ConnectionStringSecretRef.Name = name
		// The quota on new threads must not matter.
		conn.Spec.Quotas = &chatv1alpha1.Quotas{CreateThread: &chatv1alpha1.Quota{Per10s: 1000}}
		n.connections = append(n.connections, conn)
		for i := range threads {
			thread := w.newThread(fmt.Sprintf("%s-%d-%d", name, c, i))
			thread.Spec.ConnectionRef.Name = conn.Name
			n.threads = append(n.threads, thread)
		}
	}
	return n
}

// slowDown delays all calls to the resource.
func (n *neighbor) slowDown(delay time.Duration) { n.emulator.Inject(emulator.Fault{Delay: delay}) }

// checkEdits edits the threads in turn for some time. Each edit must be applied soon.
func (w *world) checkEdits(threads []*chatv1alpha1.ChatThread, duration time.Duration) {
	w.t.Helper()
	longest := time.Duration(0)
	for began, n := time.Now(), 0; time.Since(began) < duration; n++ {
		thread, topic := threads[n%len(threads)], fmt.Sprint("edit ", n)
		edited := time.Now()
		edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = topic })
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		took := time.Since(edited)
		w.Expect(w.remote(thread).Topic).To(Equal(topic))
		w.Expect(took).To(BeNumerically("<", maxEditWait), "edit %d, %s after the first", n, edited.Sub(began))
		longest = max(longest, took)
		// The quota on changes of a thread must not matter.
		<-time.After(500 * time.Millisecond)
	}
	w.t.Logf("the longest edit took %s", longest)
}

// create creates the threads of the resource.
func (n *neighbor) create(w *world) {
	w.t.Helper()
	for _, thread := range n.threads {
		w.create(thread)
	}
}

// ACS resources that hang, begin to hang, or are slow, with many connections or many threads, keep
// no edit elsewhere waiting.
func TestTenancyWorkersAreShared(t *testing.T) { //nolint:paralleltest // it measures how long things take
	w := newWorld(t, emulator.Options{})
	w.options.ACSTimeout = 10 * time.Second
	hanging, failing, slow := w.newNeighbor("hanging", 32, 1), w.newNeighbor("failing", 32, 2), w.newNeighbor("slow", 1, 300)
	w.ready()
	healthy := make([]*chatv1alpha1.ChatThread, 5)
	for i := range healthy {
		healthy[i] = w.newThread(fmt.Sprint("healthy-", i), w.users(1)...)
		w.create(healthy[i])
	}
	for _, n := range []*neighbor{hanging, failing, slow} {
		for _, conn := range n.connections {
			w.create(conn)
		}
		for _, conn := range n.connections {
			w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
		}
	}
	failing.create(w)
	for _, thread := range append(failing.threads, healthy...) {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	}

	hanging.slowDown(time.Minute)
	slow.slowDown(9 * time.Second)
	hanging.create(w)
	slow.create(w)
	w.checkEdits(healthy, 5*time.Second)
	failing.slowDown(time.Minute)
	for _, thread := range failing.threads {
		edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "while it hangs" })
	}
	w.checkEdits(healthy, 20*time.Second)
	for _, n := range []*neighbor{hanging, failing} {
		w.awaitReason(n.threads[len(n.threads)-1], chatv1alpha1.ReasonServiceUnavailable)
	}
	w.Expect(len(slow.emulator.Threads())).To(BeNumerically(">", 1), "the slow one goes on")
}
