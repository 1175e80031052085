// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const endpoint = "https://contoso.communication.azure.com"

// room is a thread at the emulator, with the ChatThread that declares its members.
type room struct {
	*testing.T
	emulator        *emulator.Server
	client          *acs.ThreadClient
	pacer           *pacing.Pacer
	id, serviceUser string
	// ids are the users by their names in a test, and names the reverse, by user key.
	ids, names map[string]string

	declared *chatv1alpha1.ChatThread
	// counted ChatParticipants declare members, too. pending ones do not count yet.
	counted, pending []chatv1alpha1.ChatParticipant
	// holdsRemovals is set while nobody may be removed.
	holdsRemovals bool
	memory        *membership.Memory
	// stored is status.renewing at each Store, and storedAfter the calls before it. Store fails with
	// storeErr.
	stored      [][]chatv1alpha1.RenewingParticipant
	storedAfter [][]string
	storeErr    error
	// done are the calls of the last reconcile.
	done *membership.Calls
}

func newRoom(t *testing.T) *room {
	t.Helper()
	emu := emulator.New(emulator.Options{})
	r := &room{T: t, emulator: emu, pacer: pacing.New(true), serviceUser: emu.CreateUser(), ids: map[string]string{}, names: map[string]string{},
		declared: &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "room"}}, memory: &membership.Memory{}}
	r.setQuota(1000)
	once := azcore.ClientOptions{Transport: transport{emu}, Retry: policy.RetryOptions{MaxRetries: -1}}
	identity, err := acs.NewIdentityClientFromConnectionString(emu.ConnectionString(endpoint), &acs.ClientOptions{ClientOptions: once})
	acstest.MustSucceed(t, err)
	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := identity.IssueToken(ctx, r.serviceUser, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	once.PerRetryPolicies = []policy.Policy{r.pacer.Policy(r.serviceUser)}
	chat, err := acs.NewChatClient(endpoint, credential, &acs.ClientOptions{ClientOptions: once})
	acstest.MustSucceed(t, err)
	r.id = emu.CreateThread(r.serviceUser, "topic")
	r.client = chat.ThreadClient(r.id)
	return r
}

// transport calls the emulator without a socket, so that time can be moved.
type transport struct{ *emulator.Server }

func (s transport) Do(req *http.Request) (resp *http.Response, err error) {
	recorder := httptest.NewRecorder()
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer func() {
		// The emulator closes a connection by a panic, as a handler of net/http does.
		closed := recover()
		if closed == nil {
			return
		}
		if abort, _ := closed.(error); !errors.Is(abort, http.ErrAbortHandler) {
			panic(closed)
		}
		resp, err = nil, errors.New("the connection was closed")
	}()
	s.ServeHTTP(recorder, served)
	resp = recorder.Result()
	resp.Request = req
	return resp, nil
}

// setQuota sets how many changes of members ACS takes in 10 seconds.
func (r *room) setQuota(changes int32) {
	r.pacer.SetQuotas(pacing.QuotasFor(&chatv1alpha1.Quotas{ChangeMembers: &chatv1alpha1.Quota{Per10s: changes}, ListMembers: &chatv1alpha1.Quota{Per10s: 1000}}))
}

// user returns the id of a user, which is made at the first use of its name.
func (r *room) user(name string) string {
	if _, ok := r.ids[name]; !ok {
		r.call(name, r.emulator.CreateUser())
	}
	return r.ids[name]
}

// call gives an id a name.
func (r *room) call(name, id string) {
	r.ids[name], r.names[acs.UserKey(id)] = id, name
}

// key returns the user key of a user.
func (r *room) key(name string) string { return acs.UserKey(r.user(name)) }

// declare changes the members that the ChatThread declares.
func (r *room) declare(names ...string) {
	r.declared.Generation++
	r.declared.Spec.Participants = nil
	for _, name := range names {
		r.declared.Spec.Participants = append(r.declared.Spec.Participants,
			chatv1alpha1.Member{UserID: chatv1alpha1.UserID(r.user(name)), ShareHistory: chatv1alpha1.ShareHistorySinceJoin})
	}
}

// rename declares another display name for every member.
func (r *room) rename(displayName string) {
	r.declared.Generation++
	for i := range r.declared.Spec.Participants {
		r.declared.Spec.Participants[i].DisplayName = displayName
	}
}

// join puts users into the thread that somebody else added.
func (r *room) join(names ...string) {
	for _, name := range names {
		r.emulator.AddMember(r.id, emulator.Member{ID: r.user(name)})
	}
}

// areOut has the status say that users are out of the thread for a renewal.
func (r *room) areOut(names ...string) {
	for _, name := range names {
		r.declared.Status.Renewing = append(r.declared.Status.Renewing, chatv1alpha1.RenewingParticipant{UserID: r.user(name)})
	}
}

// settle declares members with the display name "old" and adds them. The result is the start of
// their history, an hour ago.
func (r *room) settle(names ...string) (since time.Time) {
	r.Helper()
	r.declare(names...)
	r.rename("old")
	r.reconciles()
	since = time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	r.emulator.UpdateThread(r.id, func(thread *emulator.Thread) {
		for i := range thread.Members {
			thread.Members[i].ShareHistoryTime = since
		}
	})
	r.stored = nil
	return since
}

// restart ends the operator. The next one knows only the stored status.
func (r *room) restart() {
	r.memory = &membership.Memory{}
	r.declared.Status.Renewing = nil
	if len(r.stored) > 0 {
		r.declared.Status.Renewing = slices.Clone(r.stored[len(r.stored)-1])
	}
}

// reconcile lists the members, plans, and carries the plan out, in the order of the controller.
func (r *room) reconcile() error {
	r.Helper()
	listed, err := membership.List(r.Context(), r.client)
	acstest.MustSucceed(r.T, err)
	declared := plan.Declare(r.declared, r.counted, r.pending, []string{r.serviceUser})
	observed := plan.Observe(acs.ThreadProperties{}, listed, r.declared)
	todo := plan.For(declared, observed, plan.Tried{Refused: r.memory.Refused, Malformed: r.memory.Malformed, Renewed: r.memory.Renewed}).Members
	results := plan.NewResults(declared)
	results.Record(todo)
	r.memory.Recall(todo, results)
	r.memory.NoteListed(observed.Members)
	membership.ForgetRenewed(&r.declared.Status, declared, observed.Members)
	if r.holdsRemovals {
		todo.Remove = nil
	}
	r.emulator.ResetRequests()
	caller := pacing.Caller{Thread: "uid", Namespace: "ns", Name: "room"}
	r.done = &membership.Calls{
		Thread: r.client, Owner: "ns/room", Status: &r.declared.Status, Memory: r.memory, Results: results,
		Store: func(context.Context) error {
			r.stored, r.storedAfter = append(r.stored, slices.Clone(r.declared.Status.Renewing)), append(r.storedAfter, r.calls())
			return r.storeErr
		},
		Room: func(wanted int) (int, error) { return r.pacer.RoomForMembers(caller, r.id, wanted) },
	}
	return r.done.Do(pacing.WithCaller(r.Context(), caller), todo)
}

// reconciles fails the test unless a reconcile ends well, with these calls if some are named.
func (r *room) reconciles(wantCalls ...string) {
	r.Helper()
	if err := r.reconcile(); err != nil {
		r.Errorf("Do ends with %v", err)
	}
	if len(wantCalls) > 0 {
		r.expect("calls", wantCalls, r.calls())
	}
}

// calls are the calls of the last reconcile, such as "add ann bob". Many users are counted.
func (r *room) calls() []string {
	r.Helper()
	type id struct {
		RawID string `json:"rawId"`
	}
	calls := []string{}
	for _, request := range r.emulator.Requests() {
		body := struct {
			id
			Participants []struct {
				ID id `json:"communicationIdentifier"`
			} `json:"participants"`
		}{}
		switch request.Operation {
		case emulator.OperationAddParticipants, emulator.OperationRemoveParticipant:
			acstest.MustSucceed(r.T, json.Unmarshal(request.Body, &body))
		case emulator.OperationListParticipants:
			calls = append(calls, "list")
			continue
		default:
			continue
		}
		if request.Operation == emulator.OperationRemoveParticipant {
			calls = append(calls, "remove "+r.names[acs.UserKey(body.RawID)])
			continue
		}
		var names []string
		for _, p := range body.Participants {
			names = append(names, r.names[acs.UserKey(p.ID.RawID)])
		}
		if len(names) > 8 {
			names = []string{fmt.Sprint(len(names))}
		}
		calls = append(calls, "add "+strings.Join(names, " "))
	}
	return calls
}

// member returns a user as the thread has it, or nil.
func (r *room) member(name string) *emulator.Member {
	thread, _ := r.emulator.Thread(r.id)
	for i := range thread.Members {
		if acs.SameUser(thread.Members[i].ID, r.ids[name]) {
			return &thread.Members[i]
		}
	}
	return nil
}

// has fails the test unless just these users are in the thread, besides the service user.
func (r *room) has(want ...string) {
	r.Helper()
	thread, _ := r.emulator.Thread(r.id)
	got := []string{}
	for _, m := range thread.Members {
		if m.ID != r.serviceUser {
			got = append(got, r.names[acs.UserKey(m.ID)])
		}
	}
	slices.Sort(got)
	r.expect("members", slices.Sorted(slices.Values(want)), got)
}

// shows fails the test unless members have a display name and a start of their history.
func (r *room) shows(displayName string, since time.Time, names ...string) {
	r.Helper()
	for _, name := range names {
		m := r.member(name)
		if m == nil {
			r.Errorf("%s is not in the thread", name)
			continue
		}
		if m.DisplayName != displayName || !m.ShareHistoryTime.Equal(since) {
			r.Errorf("%s is %q since %s, want %q since %s", name, m.DisplayName, m.ShareHistoryTime, displayName, since)
		}
	}
}

// results fails the test unless the last reconcile reports these users as joined and as refused.
func (r *room) results(joined, refused []string) {
	r.Helper()
	gotJoined, gotRefused := []string{}, []string{}
	for key := range r.done.Results.Joined {
		gotJoined = append(gotJoined, r.names[key])
	}
	for key := range r.done.Results.Refused {
		gotRefused = append(gotRefused, r.names[key])
	}
	slices.Sort(gotJoined)
	slices.Sort(gotRefused)
	r.expect("joined", slices.Sorted(slices.Values(joined)), gotJoined)
	r.expect("refused", slices.Sorted(slices.Values(refused)), gotRefused)
}

// renewing fails the test unless just these users are in status.renewing.
func (r *room) renewing(want ...string) {
	r.Helper()
	got := []string{}
	for _, former := range r.declared.Status.Renewing {
		got = append(got, r.names[acs.UserKey(former.UserID)])
	}
	r.expect("status.renewing", append([]string{}, want...), got)
}

func (r *room) expect(what string, want, got []string) {
	r.Helper()
	if len(want)+len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// add is a fault of the calls that add members, remove one of those that remove them.
func (r *room) add(fault emulator.Fault) (end func()) {
	fault.Operation = emulator.OperationAddParticipants
	return r.emulator.Inject(fault)
}

func (r *room) remove(fault emulator.Fault) (end func()) {
	fault.Operation = emulator.OperationRemoveParticipant
	return r.emulator.Inject(fault)
}

// several returns names of users.
func several(prefix string, count int) []string {
	names := make([]string, 0, count)
	for n := range count {
		names = append(names, fmt.Sprintf("%s%d", prefix, n))
	}
	return names
}
