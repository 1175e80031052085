// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// world is the cluster fixture: one namespace, one emulated service and one operator for each test.
type world struct {
	*WithT
	t         *testing.T
	namespace string
	emulator  *emulator.Server
	server    *httptest.Server
	options   Options
	timing    timing
	recorder  *recorder
	// logger is that of the operator; the zero value for the default one.
	logger logr.Logger
}

// shortTiming shortens waits that take seconds with the real service.
var shortTiming = timing{listAfter: 300 * time.Millisecond, listFresh: time.Minute, goneConfirm: 200 * time.Millisecond, foundGrace: 2 * time.Second}

// newWorld creates a namespace and an emulated service. No operator runs yet.
func newWorld(t *testing.T, options emulator.Options) *world {
	t.Helper()
	w := &world{WithT: NewWithT(t), t: t, emulator: emulator.New(options), timing: shortTiming}
	w.SetDefaultEventuallyTimeout(soon)
	w.SetDefaultEventuallyPollingInterval(poll)
	w.server = httptest.NewTLSServer(w.emulator)
	t.Cleanup(w.server.Close)
	w.namespace = w.newNamespace()
	host, err := url.Parse(w.server.URL)
	w.Expect(err).NotTo(HaveOccurred())
	rules, err := connection.ParseEndpointRules(host.Host)
	w.Expect(err).NotTo(HaveOccurred())
	httpClient := w.server.Client()
	httpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.options = Options{
		AllowedEndpoints: rules, HTTPClient: httpClient, ACSTimeout: soon, Pacing: true,
		MaxConcurrentReconciles: 16, WatchNamespaces: []string{w.namespace},
	}
	w.recorder = record(t, w.namespace)
	return w
}

func (w *world) newNamespace() string {
	w.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	w.Expect(admin.Create(w.t.Context(), ns)).To(Succeed())
	return ns.Name
}

// start runs an operator until the test ends or the returned function is called.
func (w *world) start() (stop func()) {
	w.t.Helper()
	return w.startAs(operatorConfig, w.options)
}

// metricsTurn allows one manager at a time to register the metrics of the test process.
var metricsTurn sync.Mutex

// startAs runs an operator with a configuration of its own for the API server.
func (w *world) startAs(api *rest.Config, options Options) (stop func()) {
	w.t.Helper()
	skipNames := true
	mgr, err := ctrl.NewManager(api, ctrl.Options{
		Scheme:     scheme,
		Logger:     w.logger,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      CacheOptions(options.WatchNamespaces),
		Controller: config.Controller{SkipNameValidation: &skipNames},
	})
	w.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(w.t.Context())
	metricsTurn.Lock()
	err = setup(ctx, mgr, options, w.timing)
	metricsTurn.Unlock()
	w.Expect(err).NotTo(HaveOccurred())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("manager: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// connect creates the Secret and the ChatConnection "default".
func (w *world) connect(change ...func(*chatv1alpha1.ChatConnection)) *chatv1alpha1.ChatConnection {
	w.t.Helper()
	w.createSecret()
	conn := operatortest.Connection(w.namespace, "default")
	for _, f := range change {
		f(conn)
	}
	w.create(conn)
	return conn
}

func (w *world) createSecret() {
	w.t.Helper()
	w.create(w.secret())
}

func (w *world) secret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"},
		StringData: map[string]string{"connectionString": w.emulator.ConnectionString(w.server.URL)},
	}
}

func newConnection(namespace, name string) *chatv1alpha1.ChatConnection {
	return operatortest.Connection(namespace, name)
}

// ready runs an operator, and waits until its connection is Ready.
func (w *world) ready(change ...func(*chatv1alpha1.ChatConnection)) *chatv1alpha1.ChatConnection {
	w.t.Helper()
	conn := w.connect(change...)
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	return conn
}

// threads returns the threads at the service that are not deleted.
func (w *world) threads() []emulator.Thread {
	return slices.DeleteFunc(w.emulator.Threads(), func(thread emulator.Thread) bool { return thread.DeletedOn != nil })
}

// remote returns the thread at the service.
func (w *world) remote(thread *chatv1alpha1.ChatThread) emulator.Thread {
	w.t.Helper()
	w.get(thread)
	w.Expect(thread.Status.ThreadID).NotTo(BeEmpty())
	found, ok := w.emulator.Thread(thread.Status.ThreadID)
	w.Expect(ok).To(BeTrue(), "the service knows no thread %s", thread.Status.ThreadID)
	return found
}

// memberIDs returns the sorted members of a thread at the service, without the service user.
func (w *world) memberIDs(thread *chatv1alpha1.ChatThread) []string {
	w.t.Helper()
	remote := w.remote(thread)
	var ids []string
	for _, m := range remote.Members {
		if m.ID != remote.CreatedBy {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// calls counts the calls to the service by operation.
func (w *world) calls() map[emulator.Operation]int {
	counts := map[emulator.Operation]int{}
	for _, request := range w.emulator.Requests() {
		counts[request.Operation]++
	}
	return counts
}

func (w *world) writes() int {
	count := 0
	for operation, n := range w.calls() {
		if operation.IsWrite() {
			count += n
		}
	}
	return count
}

// users creates users at the service.
func (w *world) users(count int) []string {
	users := make([]string, count)
	for i := range users {
		users[i] = w.emulator.CreateUser()
	}
	return users
}

func withCount(count int32) func(*chatv1alpha1.ChatConnection) {
	return func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{Count: &count}
	}
}

func withPinned(ids ...string) func(*chatv1alpha1.ChatConnection) {
	return func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{}
		for _, id := range ids {
			conn.Spec.ServiceUsers.IDs = append(conn.Spec.ServiceUsers.IDs, chatv1alpha1.ServiceUserID(id))
		}
	}
}

// allow sets quotas that no test uses up.
func allow(conn *chatv1alpha1.ChatConnection) {
	many := &chatv1alpha1.Quota{Per10s: 10000}
	conn.Spec.Quotas = &chatv1alpha1.Quotas{CreateThread: many, DeleteThread: many, UpdateThread: many, ChangeMembers: many, ReadThread: many, ListMembers: many}
}

// within returns the same world for a subtest.
func (w *world) within(t *testing.T) *world {
	t.Helper()
	inner := *w
	inner.t, inner.WithT = t, NewWithT(t)
	inner.SetDefaultEventuallyTimeout(soon)
	inner.SetDefaultEventuallyPollingInterval(poll)
	return &inner
}
