// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// service has users whose threads are to be found, and a directory of them.
type service struct {
	*testing.T
	emulator *emulator.Server
	users    []Lister
	ids      []string
	// url, transport and credentials make further clients of the users.
	url         string
	transport   *http.Client
	credentials map[string]*acs.UserCredential
	*Directory
	// uncertain is the error of a check whether ACS knows no such user.
	uncertain error
	// confirm is how far apart refusals must be.
	confirm time.Duration
	// claimed are the threads that other ChatThreads have now.
	claimed map[string]bool
}

func newService(t *testing.T, options emulator.Options, users int) *service {
	t.Helper()
	emu := emulator.New(options)
	server := httptest.NewTLSServer(emu)
	t.Cleanup(server.Close)
	s := &service{T: t, emulator: emu, url: server.URL, transport: server.Client(), credentials: map[string]*acs.UserCredential{}, Directory: New(), claimed: map[string]bool{}}
	once := azcore.ClientOptions{Transport: server.Client(), Retry: policy.RetryOptions{MaxRetries: -1}}
	identity, err := acs.NewIdentityClientFromConnectionString(emu.ConnectionString(server.URL), &acs.ClientOptions{ClientOptions: once})
	acstest.MustSucceed(t, err)
	for range users {
		id := emu.CreateUser()
		credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
			issued, err := identity.IssueToken(ctx, id, []acs.TokenScope{acs.ScopeChat}, nil)
			return issued.AccessToken, err
		}, nil)
		chat, err := acs.NewChatClient(server.URL, credential, &acs.ClientOptions{ClientOptions: once})
		acstest.MustSucceed(t, err)
		s.credentials[id] = credential
		s.users, s.ids = append(s.users, Lister{ID: id, Chat: chat}), append(s.ids, id)
	}
	return s
}

// thread makes a thread, with the stamp of an owner if there is one.
func (s *service) thread(by int, owner string, members ...string) string {
	with := make([]emulator.Member, 0, len(members))
	for _, id := range members {
		with = append(with, emulator.Member{ID: id})
	}
	id := s.emulator.CreateThread(s.ids[by], "topic", with...)
	if owner != "" {
		s.emulator.UpdateThread(id, func(thread *emulator.Thread) {
			thread.Metadata = map[string]string{chatv1alpha1.StampOwner: owner, chatv1alpha1.StampUID: "uid of " + owner}
		})
	}
	return id
}

// claim says which threads other ChatThreads have from now on.
func (s *service) claim(ids ...string) {
	clear(s.claimed)
	for _, id := range ids {
		s.claimed[id] = true
	}
}

func (s *service) query(need Need) Query {
	return Query{Users: s.ids, Need: need, Topic: "topic", AtOnce: true, Waiter: types.NamespacedName{Namespace: "ns", Name: "a"},
		Claims: claims(func(id string) bool { return s.claimed[id] })}
}

// claims are those of a ChatThread that waits for nothing.
func claims(has func(id string) bool) Claims {
	return func(id string, meets func(types.NamespacedName) bool) bool {
		return has(id) && meets(types.NamespacedName{Namespace: "ns", Name: "claimant"})
	}
}

// search reads once the threads that a query needs. It returns the calls that were made, and the
// error with which the search ends.
func (s *service) search(need Need) (lists int, reads []string, err error) {
	s.Helper()
	return s.ask(s.query(need))
}

func (s *service) ask(query Query) (lists int, reads []string, err error) {
	s.Helper()
	s.emulator.ResetRequests()
	users, _ := s.Search(query)
	for _, id := range users {
		at := slices.Index(s.ids, id)
		_, err := s.Read(s.Context(), s.users[at], ReadOptions{
			Confirm: s.confirm, ConfirmUnknown: func(context.Context) error { return s.uncertain }, Claims: query.Claims,
		})
		if _, isWait := errors.AsType[*outcome.Wait](err); err != nil && !isWait {
			s.Errorf("Read ends with %v", err)
		}
	}
	for _, request := range s.emulator.Requests() {
		switch request.Operation {
		case emulator.OperationListThreads:
			lists++
		case emulator.OperationGetThread:
			reads = append(reads, request.ThreadID)
		default:
		}
	}
	query.AtOnce = false
	_, err = s.Search(query)
	return lists, reads, err
}

// calls fails the test unless a search ends well after just these calls.
func (s *service) calls(need Need, wantLists int, wantReads ...string) {
	s.Helper()
	lists, reads, err := s.search(need)
	if err != nil || lists != wantLists {
		s.Errorf("%d lists, want %d; error %v", lists, wantLists, err)
	}
	if diff := cmp.Diff(sorted(wantReads...), sorted(reads...)); diff != "" {
		s.Errorf("threads read (-want +got):\n%s", diff)
	}
}

// finds fails the test unless just these threads carry the stamp of ns/a.
func (s *service) finds(want ...string) {
	s.Helper()
	if diff := cmp.Diff(sorted(want...), sorted(idsOf(s.Find("ns/a", s.ids))...)); diff != "" {
		s.Errorf("found (-want +got):\n%s", diff)
	}
}

// ends fails the test unless a search ends with this outcome.
func (s *service) ends(err error, reason, message string) {
	s.Helper()
	o := outcome.Classify(err)
	if o.Reason != reason || message != "" && o.Message != message || o.After <= 0 && !o.Stalled || o.Err != nil {
		s.Errorf("search ends with %+v, want %s: %s", o, reason, message)
	}
}

// refuse has the service deny a thread a number of times; 0: for good.
func (s *service) refuse(thread string, status, times int) {
	for _, operation := range []emulator.Operation{emulator.OperationGetThread, emulator.OperationListParticipants} {
		s.emulator.Inject(emulator.Fault{Operation: operation, ThreadID: thread, Status: status, Times: times})
	}
}

func idsOf(stamps []Stamp) []string {
	ids := make([]string, 0, len(stamps))
	for _, stamp := range stamps {
		ids = append(ids, stamp.ID)
	}
	return ids
}

func sorted(ids ...string) []string {
	sorted := append([]string{}, ids...)
	slices.Sort(sorted)
	return sorted
}
