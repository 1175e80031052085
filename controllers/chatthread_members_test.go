// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// apiServerWith returns a reader of an API server that holds some objects.
func apiServerWith(held ...client.Object) client.Reader {
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(held...).
		WithIndex(&chatv1alpha1.ChatParticipant{}, indexThread, func(obj client.Object) []string {
			p, _ := obj.(*chatv1alpha1.ChatParticipant)
			return []string{p.Spec.ThreadRef.Name}
		}).Build()
}

// Only a declaration that was verified as a whole drops somebody from status.renewing: with a stale
// one, a member would come back without its history.
func TestStaleDeclarationDropsNobodyFromRenewing(t *testing.T) {
	t.Parallel()
	const out, other = "8:acs:out", "8:acs:other"
	guest := func(name, user string) *chatv1alpha1.ChatParticipant {
		p := operatortest.Participant("ns", name, "room", user)
		p.UID, p.Generation, p.Finalizers = types.UID(name), 1, []string{chatv1alpha1.Finalizer}
		return p
	}
	coming := plan.Members{Add: []plan.Member{{Member: chatv1alpha1.Member{UserID: other}}}}
	for name, c := range map[string]struct {
		todo plan.Members
		// thread is the generation at the API server, and guests are the ChatParticipants there. The
		// cache shows generation 1, and those that are cached and pending.
		thread                  int64
		guests, cached, pending []*chatv1alpha1.ChatParticipant
		isStale                 bool
		want                    []string
	}{
		"nobody declares it":              {thread: 1},
		"nobody declares it, one comes":   {todo: coming, thread: 1},
		"the thread is stale":             {todo: coming, thread: 2, isStale: true, want: []string{out}},
		"stale, and nothing else to do":   {thread: 2, isStale: true, want: []string{out}},
		"a ChatParticipant is not cached": {thread: 1, guests: []*chatv1alpha1.ChatParticipant{guest("a", out)}, isStale: true, want: []string{out}},
		"not cached, and one comes":       {todo: coming, thread: 1, guests: []*chatv1alpha1.ChatParticipant{guest("a", out)}, isStale: true, want: []string{out}},
		"a ChatParticipant declares it": {thread: 1, guests: []*chatv1alpha1.ChatParticipant{guest("a", out)},
			cached: []*chatv1alpha1.ChatParticipant{guest("a", out)}, want: []string{out}},
		"a pending one declares it": {thread: 1, guests: []*chatv1alpha1.ChatParticipant{guest("a", out)},
			pending: []*chatv1alpha1.ChatParticipant{guest("a", out)}, want: []string{out}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := operatortest.Thread("ns", "room")
			thread.UID, thread.Generation = "uid", c.thread
			thread.Status.Renewing = []chatv1alpha1.RenewingParticipant{{UserID: out}}
			held := []client.Object{thread.DeepCopy()}
			for _, p := range c.guests {
				held = append(held, p)
			}
			thread.Generation = 1
			s := situation{run: run{thread: thread, before: thread.DeepCopy(), memory: &threadMemory{}}, have: &plan.Observed{}}
			for _, p := range c.cached {
				s.counted = append(s.counted, *p)
			}
			for _, p := range c.pending {
				s.pending = append(s.pending, *p)
			}
			r := &ChatThreadReconciler{APIReader: apiServerWith(held...)}
			if err := r.verifyMembers(t.Context(), s, c.todo); (err != nil) != c.isStale {
				t.Errorf("the declaration is stale: %v, want %v", err, c.isStale)
			}
			var got []string
			for _, former := range s.thread.Status.Renewing {
				got = append(got, former.UserID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("status.renewing (-want +got):\n%s", diff)
			}
		})
	}
}

// A thread without anybody out, and nothing to do for its members, costs no request to the API
// server.
func TestMembersAsDeclaredNeedNoRequest(t *testing.T) {
	t.Parallel()
	s := situation{run: run{thread: &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Name: "room"}}}}
	if err := (&ChatThreadReconciler{}).verifyMembers(t.Context(), s, plan.Members{}); err != nil {
		t.Error(err)
	}
}

// A reconcile that has to bring somebody back is more than a look for drift, which yields to
// others.
func TestReconcileIsNoBackgroundWhileSomebodyIsOut(t *testing.T) {
	t.Parallel()
	s := settled()
	s.before = s.thread.DeepCopy()
	if !s.newCaller().Background {
		t.Error("a thread as declared is not reconciled in the background")
	}
	s.before.Status.Renewing = []chatv1alpha1.RenewingParticipant{{UserID: "8:acs:out"}}
	if s.newCaller().Background {
		t.Error("somebody is out, and the reconcile is in the background")
	}
}

// Members that are out come back before a release also if the cache does not show them yet. Those
// of another thread, or of an earlier ChatThread of the name, do not.
func TestReleaseReadsWhoIsOutFromTheAPIServer(t *testing.T) {
	t.Parallel()
	service := emulator.New(emulator.Options{})
	server := httptest.NewTLSServer(service)
	defer server.Close()
	transport := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: server.Client()}}
	identity, err := acs.NewIdentityClientFromConnectionString(service.ConnectionString(server.URL), transport)
	acstest.MustSucceed(t, err)
	actor, out := service.CreateUser(), service.CreateUser()
	chat, err := acs.NewChatClient(server.URL, acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := identity.IssueToken(ctx, actor, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil), transport)
	acstest.MustSucceed(t, err)
	for name, c := range map[string]struct {
		change func(live *chatv1alpha1.ChatThread)
		isBack bool
	}{
		"out":                 {func(*chatv1alpha1.ChatThread) {}, true},
		"of another thread":   {func(live *chatv1alpha1.ChatThread) { live.Status.ThreadID = "19:other" }, false},
		"of an earlier one":   {func(live *chatv1alpha1.ChatThread) { live.UID = "other" }, false},
		"the ChatThread went": {func(live *chatv1alpha1.ChatThread) { live.Name = "other" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			id := service.CreateThread(actor, "topic")
			cached := operatortest.Thread("ns", "room")
			cached.UID, cached.Status.ThreadID = "uid", id
			live := cached.DeepCopy()
			live.Status.Renewing = []chatv1alpha1.RenewingParticipant{{UserID: out, DisplayName: "before"}}
			c.change(live)
			s := situation{run: run{thread: cached, before: cached.DeepCopy(), events: &eventList{}},
				target: target{threadID: id, user: &connection.User{ID: actor, Chat: chat}}}
			r := &ChatThreadReconciler{APIReader: apiServerWith(live)}
			acstest.MustSucceed(t, r.returnRenewed(t.Context(), s))
			thread, _ := service.Thread(id)
			if isBack := len(thread.Members) == 2; isBack != c.isBack {
				t.Errorf("members %+v", thread.Members)
			}
			if got := s.thread.Status.Renewing; len(got) > 0 {
				t.Errorf("status.renewing %v", got)
			}
		})
	}
}
