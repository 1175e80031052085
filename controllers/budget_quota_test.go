// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// The operator waits for a quota before it sends or stores anything, and reports the end of the
// wait.
func TestOperatorKeepsToTheQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{Quotas: true})
	w.ready()
	threads := make([]*chatv1alpha1.ChatThread, 14)
	for i := range threads {
		threads[i] = w.newThread(fmt.Sprintf("paced-%d", i))
		w.create(threads[i])
	}
	var waiting *chatv1alpha1.ChatThread
	w.Eventually(func() bool {
		for _, thread := range threads {
			w.get(thread)
			if _, reason := objects.ReadyReason(thread); reason == chatv1alpha1.ReasonWaitingForQuota {
				waiting = thread
			}
		}
		return waiting != nil
	}).Should(BeTrue())
	w.Expect(objects.HasFinalizer(waiting)).To(BeFalse())
	message := readyMessageOf(waiting)
	w.Expect(message).To(ContainSubstring("room again at 20"))
	edit(w, waiting, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "early")
	})
	w.Eventually(func() string { w.get(waiting); return waiting.Status.LastHandledReconcileAt }).Should(Equal("early"))
	w.Expect(readyMessageOf(waiting)).To(Or(Equal(message), Not(ContainSubstring("room again"))))
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		w.Expect(w.writesSoFar(thread)).To(BeNumerically("<=", 5))
	}
	for _, request := range w.emulator.Requests() {
		w.Expect(request.Status).NotTo(Equal(http.StatusTooManyRequests), string(request.Operation))
	}
	w.Expect(w.emulator.Threads()).To(HaveLen(len(threads)))
}

// With more threads than the read quota allows, the interval of resyncs grows.
func TestResyncStretch(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	found := connection.NewConnection(pacing.New(true))
	for n := range 6000 {
		found.Assign(types.UID(fmt.Sprint(n)), "user")
	}
	floor := found.ResyncFloor("user")
	g.Expect(floor).To(Equal(6000 * pacing.ShortWindow * 10 / 9 / 40))
	memory := &threadMemory{begun: time.Now(), nextResync: time.Now().Add(defaultResync)}
	memory.extendResync(floor, defaultResync)
	g.Expect(memory.nextResync).To(BeTemporally("~", memory.begun.Add(floor), floor/10+time.Second))
	stretched := memory.nextResync
	memory.extendResync(floor, defaultResync)
	g.Expect(memory.nextResync).To(Equal(stretched), "a reconcile in between does not delay it again")
	memory = &threadMemory{begun: time.Now(), nextResync: stretched}
	memory.extendResync(time.Minute, defaultResync)
	g.Expect(memory.nextResync).To(Equal(stretched))
}

// A request on a ChatThread ends the wait that ACS asked for, and one call is tried at once.
func TestRequestOnThreadEndsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		found := connection.NewConnection(pacing.New(true))
		tries := 0
		transport := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			tries++
			response := throttledBy(t, 86400)
			response.Request = req
			return response, nil
		})}
		chat, err := acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential("token"),
			connection.ClientOptions(transport, time.Second, found, found.Pacer.Policy("user")))
		g.Expect(err).NotTo(HaveOccurred())
		read := func() error {
			_, err := chat.ThreadClient("a").GetProperties(pacing.WithCaller(t.Context(), pacing.Caller{Thread: "a"}), nil)
			return err
		}
		g.Expect(read()).NotTo(Succeed())
		g.Expect(read()).NotTo(Succeed())
		g.Expect(tries).To(Equal(1))
		thread := &chatv1alpha1.ChatThread{}
		objects.SetAnnotation(thread, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		situation{run: run{thread: thread, before: thread.DeepCopy(), memory: &threadMemory{}}, link: link{session: found}}.tryAtOnce()
		g.Expect(read()).NotTo(Succeed())
		g.Expect(tries).To(Equal(2))
	})
}

// throttledBy returns a 429 with a Retry-After of some seconds.
func throttledBy(t *testing.T, seconds int) *http.Response {
	t.Helper()
	answer := httptest.NewRecorder()
	answer.Header().Set("Retry-After", fmt.Sprint(seconds))
	answer.WriteHeader(http.StatusTooManyRequests)
	response := answer.Result()
	response.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://contoso.communication.azure.com/chat/threads/a", nil)
	return response
}
