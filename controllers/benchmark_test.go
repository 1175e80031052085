// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	benchmarkNamespace = "bench"
	benchmarkMembers   = 10
	benchmarkUser      = "8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_00000000-0000-4000-8000-000000000000"
)

// memoryCluster is a cache with the indexes of the operator and an API server in one, in memory. A
// write of a status is stored at once; there are no other writes.
type memoryCluster struct {
	client.Client
	kinds map[string]toolscache.Indexer
	// writes counts the statuses that were written.
	writes int
}

func newMemoryCluster(tb testing.TB) *memoryCluster {
	tb.Helper()
	c := &memoryCluster{kinds: map[string]toolscache.Indexer{}}
	for _, kind := range []string{"ChatConnection", "ChatThread", "ChatParticipant", "Secret"} {
		c.kinds[kind] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{})
	}
	if err := AddIndexes(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
	return c
}

// IndexField indexes as the cache of controller-runtime does: for all namespaces, and for each.
func (c *memoryCluster) IndexField(_ context.Context, obj client.Object, field string, value client.IndexerFunc) error {
	return c.kinds[operatortest.KindOf(obj)].AddIndexers(toolscache.Indexers{field: func(indexed any) ([]string, error) {
		o, ok := indexed.(client.Object)
		if !ok {
			return nil, errors.New("not an object")
		}
		var keys []string
		for _, v := range value(o) {
			keys = append(keys, "/"+v, o.GetNamespace()+"/"+v)
		}
		return keys, nil
	}})
}

// put stores an object as the cache holds it.
func (c *memoryCluster) put(tb testing.TB, obj client.Object) {
	tb.Helper()
	if _, err := objects.TrimForCache(obj); err != nil {
		tb.Fatal(err)
	}
	if err := c.kinds[operatortest.KindOf(obj)].Add(obj); err != nil {
		tb.Fatal(err)
	}
}

func (c *memoryCluster) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	if _, isDefinition := obj.(*metav1.PartialObjectMetadata); isDefinition {
		return nil // all CRDs are installed
	}
	found, ok, err := c.kinds[operatortest.KindOf(obj)].GetByKey(key.String())
	if err != nil || !ok {
		return errors.Join(err, apierrors.NewNotFound(chatv1alpha1.GroupVersion.WithResource("objects").GroupResource(), key.Name))
	}
	switch o := obj.(type) {
	case *chatv1alpha1.ChatConnection:
		found.(*chatv1alpha1.ChatConnection).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // stored by kind
	case *chatv1alpha1.ChatThread:
		found.(*chatv1alpha1.ChatThread).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // as above
	case *corev1.Secret:
		found.(*corev1.Secret).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // as above
	}
	return nil
}

func (c *memoryCluster) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	asked := client.ListOptions{}
	asked.ApplyOptions(options)
	kind := strings.TrimSuffix(fmt.Sprintf("%T", list)[len("*v1alpha1."):], "List")
	var found []any
	var err error
	if asked.FieldSelector == nil {
		found = c.kinds[kind].List()
	} else {
		wanted := asked.FieldSelector.Requirements()[0]
		found, err = c.kinds[kind].ByIndex(wanted.Field, asked.Namespace+"/"+wanted.Value)
	}
	if err != nil {
		return err
	}
	for _, obj := range found {
		switch l := list.(type) {
		case *chatv1alpha1.ChatThreadList:
			l.Items = append(l.Items, *obj.(*chatv1alpha1.ChatThread)) //nolint:errcheck,forcetypeassert // stored by kind
		case *chatv1alpha1.ChatParticipantList:
			l.Items = append(l.Items, *obj.(*chatv1alpha1.ChatParticipant)) //nolint:errcheck,forcetypeassert // as above
		}
	}
	return nil
}

// Patch stores an object as it is after a patch of its metadata.
func (c *memoryCluster) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.Status().Patch(ctx, obj, patch)
}

// Status returns the writer of a status.
func (c *memoryCluster) Status() client.SubResourceWriter { return statusWriter{cluster: c} }

type statusWriter struct {
	client.SubResourceWriter
	cluster *memoryCluster
}

func (w statusWriter) Patch(_ context.Context, obj client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	version, _ := strconv.Atoi(obj.GetResourceVersion())
	obj.SetResourceVersion(strconv.Itoa(version + 1))
	w.cluster.writes++
	return w.cluster.kinds[operatortest.KindOf(obj)].Update(objects.CopyOf(obj))
}

type noEvents struct{}

func (noEvents) Eventf(kruntime.Object, kruntime.Object, string, string, string, string, ...any) {}

// cannedService answers as ACS for threads whose id names their ChatThread, and which have the
// members that every ChatThread of a benchmark declares. It creates none.
type cannedService struct{ members, listed string }

func (s *cannedService) RoundTrip(req *http.Request) (*http.Response, error) {
	var body string
	switch path := req.URL.Path; {
	case strings.HasSuffix(path, ":issueAccessToken"):
		body = `{"token":"eyJhbGciOiJub25lIn0.e30.","expiresOn":"` + time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339) + `"}`
	case strings.HasSuffix(path, "/participants"):
		body = s.members
	case path == "/chat/threads" && req.Method == http.MethodPost:
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Request: req, Body: http.NoBody}, nil
	case path == "/chat/threads":
		body = s.listed
		if body == "" {
			body = `{"value":[]}`
		}
	default:
		_, id, _ := strings.Cut(path, "/chat/threads/")
		body = `{"id":"` + id + `","topic":"topic of ` + id + `","createdOn":"2026-01-01T00:00:00Z","createdByCommunicationIdentifier":` +
			`{"rawId":"` + benchmarkUser + `","communicationUser":{"id":"` + benchmarkUser + `"}},` +
			`"metadata":{"` + chatv1alpha1.StampOwner + `":"` + benchmarkNamespace + "/" + id + `","` + chatv1alpha1.StampUID + `":"uid of ` + id + `"}}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// memoryOperator is the operator of a benchmark with its cluster.
type memoryOperator struct {
	*Controllers
	cluster *memoryCluster
	service *cannedService
}

func benchmarkMember(n int) string {
	return fmt.Sprintf("%s%03d", benchmarkUser[:len(benchmarkUser)-3], n+1)
}

// unlimited are quotas that are never used up.
var unlimited = &chatv1alpha1.Quotas{ReadThread: &chatv1alpha1.Quota{Per10s: 1 << 30}, ListMembers: &chatv1alpha1.Quota{Per10s: 1 << 30}}

// newMemoryOperator returns an operator with quotas; nil for the documented ones.
func newMemoryOperator(tb testing.TB, quotas *chatv1alpha1.Quotas) *memoryOperator {
	tb.Helper()
	cluster := newMemoryCluster(tb)
	conn := operatortest.Connection(benchmarkNamespace, "default")
	conn.UID, conn.Generation, conn.ResourceVersion, conn.Finalizers = "conn", 1, "1", []string{chatv1alpha1.Finalizer}
	conn.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUsers: benchmarkUser}
	conn.Spec.Quotas = quotas
	cluster.put(tb, conn)
	cluster.put(tb, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: benchmarkNamespace, Name: "acs"},
		Data: map[string][]byte{"connectionString": []byte("endpoint=https://contoso.communication.azure.com/;accesskey=Zmlyc3Qta2V5")}})
	listed := make([]string, 0, benchmarkMembers)
	for n := range benchmarkMembers {
		id := benchmarkMember(n)
		listed = append(listed, `{"communicationIdentifier":{"rawId":"`+id+`","communicationUser":{"id":"`+id+`"}},"displayName":"A member with a usual name",`+
			`"shareHistoryTime":"1970-01-01T00:00:00Z"}`)
	}
	service := &cannedService{members: `{"value":[` + strings.Join(listed, ",") + `]}`}
	return &memoryOperator{cluster: cluster, service: service, Controllers: New(Dependencies{
		Options: Options{AllowedEndpoints: DefaultEndpointSuffixes(), HTTPClient: &http.Client{Transport: service},
			ACSTimeout: 10 * time.Second, Pacing: true, MaxConcurrentReconciles: 16},
		Client: cluster, APIReader: cluster, Recorder: func(string) events.EventRecorder { return noEvents{} },
		timing: timing{listAfter: time.Nanosecond, listFresh: time.Hour},
	})}
}

// thread stores a ChatThread that has a thread, unless it is changed, and returns its request.
func (o *memoryOperator) thread(tb testing.TB, name string, changes ...func(*chatv1alpha1.ChatThread)) ctrl.Request {
	tb.Helper()
	thread := operatortest.Thread(benchmarkNamespace, name)
	thread.UID, thread.Generation, thread.ResourceVersion = types.UID("uid of "+name), 1, "1"
	thread.Finalizers = []string{chatv1alpha1.Finalizer}
	thread.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: benchmarkUser}
	thread.CreationTimestamp = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	thread.Spec.ConnectionRef.Name, thread.Spec.ManagementPolicy = "default", chatv1alpha1.ManagementManage
	for n := range benchmarkMembers {
		thread.Spec.Participants = append(thread.Spec.Participants, chatv1alpha1.Member{
			UserID: chatv1alpha1.UserID(benchmarkMember(n)), DisplayName: strings.Clone("A member with a usual name")})
	}
	joined := fmt.Sprintf("%d/%d", benchmarkMembers, benchmarkMembers)
	thread.Status = chatv1alpha1.ChatThreadStatus{ThreadID: strings.Clone(name), ServiceUser: strings.Clone(benchmarkUser), UID: string(thread.UID),
		CreatedOn: objects.StatusTime(thread.CreationTimestamp.Time), ObservedGeneration: 1, Joined: joined,
		Participants: &chatv1alpha1.ParticipantCounts{Desired: benchmarkMembers, Joined: benchmarkMembers}}
	objects.Mark(thread, outcome.Outcome{Ready: true, Reason: chatv1alpha1.ReasonSucceeded,
		Message: "The thread is as declared; " + joined + " participants are in it."})
	for _, change := range changes {
		change(thread)
	}
	o.cluster.put(tb, thread)
	return ctrl.Request{NamespacedName: objects.KeyOf(thread)}
}

// endRest has the next reconcile read a thread that its status shows as declared.
func (o *memoryOperator) endRest(tb testing.TB, request ctrl.Request) {
	tb.Helper()
	thread := &chatv1alpha1.ChatThread{}
	if err := o.cluster.Get(tb.Context(), request.NamespacedName, thread); err != nil {
		tb.Fatal(err)
	}
	o.threads.memories.of(thread).first.end()
}

func (o *memoryOperator) reconcile(tb testing.TB, request ctrl.Request) {
	tb.Helper()
	if result, err := o.threads.Reconcile(tb.Context(), request); err != nil || result.RequeueAfter < time.Minute {
		thread := &chatv1alpha1.ChatThread{}
		_ = o.cluster.Get(tb.Context(), request.NamespacedName, thread)
		tb.Fatal(result, err, thread.Status.Conditions)
	}
}

// A resync of one ChatThread in sync, with 10 members: the real reconciler before a cache and an
// API server in memory, and canned answers. Counted is all that a reconcile costs, except for the
// work queue and the network. The cost of "calls alone" is that of the two calls to ACS through the
// same pipeline, with the decoding of their answers: the difference is what our own code costs,
// wanted within 100 µs and 200 allocations.
func BenchmarkReconcile(b *testing.B) {
	b.Run("in sync", func(b *testing.B) {
		o := newMemoryOperator(b, unlimited)
		request := o.thread(b, "19:a")
		o.endRest(b, request)
		o.reconcile(b, request)
		writes := o.cluster.writes
		b.ReportAllocs()
		for b.Loop() {
			o.reconcile(b, request)
		}
		if o.cluster.writes != writes {
			b.Errorf("%d statuses were written", o.cluster.writes-writes)
		}
	})
	b.Run("calls alone", func(b *testing.B) {
		o := newMemoryOperator(b, unlimited)
		request := o.thread(b, "19:a")
		o.endRest(b, request)
		o.reconcile(b, request)
		link, _ := o.registry.GetForDeletion(types.NamespacedName{Namespace: benchmarkNamespace, Name: "default"})
		user, err := o.registry.User(link, benchmarkUser)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			thread := user.Chat.ThreadClient("19:a")
			if _, err := thread.GetProperties(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
			if listed, err := membership.List(b.Context(), thread); err != nil || len(listed) != benchmarkMembers {
				b.Fatal(len(listed), err)
			}
		}
	})
}

// The heap that one ChatThread with 10 members keeps in a process at rest, in bytes: of it in the
// cache with its index entries, and in the memory of the operator (its threadMemory, its
// assignment, its entries in the directory and in the pacer).
func BenchmarkFootprint(b *testing.B) {
	const threads = 2_000
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc)
	}
	for b.Loop() {
		o := newMemoryOperator(b, unlimited)
		first := o.thread(b, "19:first")
		o.endRest(b, first)
		o.reconcile(b, first)
		before := heap()
		requests := make([]ctrl.Request, threads)
		for n := range requests {
			requests[n] = o.thread(b, fmt.Sprintf("19:acsV1_%048d@thread.v2", n))
		}
		cached := heap()
		for _, request := range requests {
			o.endRest(b, request)
			o.reconcile(b, request)
		}
		remembered := heap()
		// A status that the reconcile completed replaces the one in the cache.
		b.ReportMetric((cached-before)/threads, "cache-B/thread")
		b.ReportMetric((remembered-cached)/threads, "memory-B/thread")
		b.ReportMetric((remembered-before)/threads, "B/thread")
		runtime.KeepAlive(o)
	}
}
