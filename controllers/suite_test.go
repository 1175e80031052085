// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

const (
	// soon is how long a test waits for what should happen at once.
	soon = 20 * time.Second
	poll = 20 * time.Millisecond
)

var (
	scheme = runtime.NewScheme()
	// admin may do everything; operatorConfig has the permissions of config/rbac.
	admin          client.WithWatch
	adminConfig    *rest.Config
	operatorConfig *rest.Config
)

func TestMain(m *testing.M) { os.Exit(runSuite(m)) }

func runSuite(m *testing.M) int {
	flag.Parse()
	// The fuzzer ends its workers without asking: a control plane of theirs would stay behind.
	if worker := flag.Lookup("test.fuzzworker"); worker != nil && worker.Value.String() == "true" {
		return m.Run()
	}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, which builds a control plane and sets it")
		return 1
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(logFile()), zap.UseDevMode(true)))
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, chatv1alpha1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	control := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// go test may compile other packages at the same time.
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
		CRDInstallOptions:        envtest.CRDInstallOptions{MaxTime: time.Minute},
	}
	var err error
	if adminConfig, err = control.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start control plane:", err)
		return 1
	}
	if err := prepare(control); err != nil {
		fmt.Fprintln(os.Stderr, "prepare control plane:", err)
		return 1
	}
	code := m.Run()
	if err := control.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop control plane:", err)
		return 1
	}
	if code == 0 {
		// Clients of the API server keep their connections, which end with it.
		if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
			goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*ClientConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*http2ClientConn).readLoop"),
			goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// logFile is where the operator's log goes: nowhere, or to the file that TEST_LOG names.
func logFile() *os.File {
	name := os.Getenv("TEST_LOG")
	if name == "" {
		name = os.DevNull
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // whoever runs the tests names it
	if err != nil {
		return os.Stderr
	}
	return file
}

// prepare binds the operator's own role to a user, as which the managers of the tests run.
func prepare(control *envtest.Environment) error {
	var err error
	adminConfig.QPS, adminConfig.Burst = -1, -1
	if admin, err = client.NewWithWatch(adminConfig, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(data, role); err != nil {
		return err
	}
	ctx := context.Background() //nolint:forbidigo // there is no test yet
	if err := admin.Create(ctx, role); err != nil {
		return err
	}
	const user = "operator"
	if err := admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	}); err != nil {
		return err
	}
	added, err := control.AddUser(envtest.User{Name: user}, nil)
	if err != nil {
		return err
	}
	operatorConfig = added.Config()
	operatorConfig.QPS, operatorConfig.Burst = -1, -1
	return nil
}

// world is one test's namespace, emulated service and operator.
type world struct {
	*WithT
	t         *testing.T
	namespace string
	emulator  *emulator.Server
	server    *httptest.Server
	options   Options
	timing    timing
	recorder  *recorder
}

// shortTiming lets tests see what takes seconds at the real service.
var shortTiming = timing{listAfter: 300 * time.Millisecond, listFresh: time.Minute, goneConfirm: 200 * time.Millisecond, foundGrace: 2 * time.Second}

// newWorld makes a namespace and an emulated service. No operator runs yet.
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

// metricsTurn lets one manager at a time take over the metrics of the test process.
var metricsTurn sync.Mutex

// startAs runs an operator with a way of its own to the API server.
func (w *world) startAs(api *rest.Config, options Options) (stop func()) {
	w.t.Helper()
	skipNames := true
	mgr, err := ctrl.NewManager(api, ctrl.Options{
		Scheme:     scheme,
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

// ready runs an operator with a connection that is Ready.
func (w *world) ready(change ...func(*chatv1alpha1.ChatConnection)) *chatv1alpha1.ChatConnection {
	w.t.Helper()
	conn := w.connect(change...)
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	return conn
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		w.Expect(admin.Create(w.t.Context(), obj)).To(Succeed())
	}
}

func (w *world) newThread(name string, members ...string) *chatv1alpha1.ChatThread {
	return operatortest.Thread(w.namespace, name, members...)
}

func (w *world) newParticipant(name, thread, user string) *chatv1alpha1.ChatParticipant {
	return operatortest.Participant(w.namespace, name, thread, user)
}

// users creates users at the service.
func (w *world) users(count int) []string {
	users := make([]string, count)
	for i := range users {
		users[i] = w.emulator.CreateUser()
	}
	return users
}

// get reads the object as it is now.
func (w *world) get(obj client.Object) {
	w.t.Helper()
	w.Expect(admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
}

// edit changes the object as a user would.
func edit[T client.Object](w *world, obj T, change func(T)) {
	w.t.Helper()
	w.Eventually(func() error {
		if err := admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		before := objects.CopyOf(obj)
		change(obj)
		return admin.Patch(w.t.Context(), obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	}).Should(Succeed())
}

// request asks for a pass at once and waits for the answer.
func (w *world) request(thread *chatv1alpha1.ChatThread) {
	w.t.Helper()
	value := time.Now().Format(time.RFC3339Nano)
	edit(w, thread, func(obj *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationReconcileRequestedAt, value)
	})
	w.Eventually(func() string {
		w.get(thread)
		return thread.Status.LastHandledReconcileAt
	}).Should(Equal(value))
}

func (w *world) delete(obj client.Object) {
	w.t.Helper()
	w.Expect(client.IgnoreNotFound(admin.Delete(w.t.Context(), obj))).To(Succeed())
}

func (w *world) awaitGone(obj client.Object) {
	w.t.Helper()
	w.Eventually(func() bool {
		err := admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj)
		return err != nil && client.IgnoreNotFound(err) == nil
	}).Should(BeTrue(), "%T %s is still there: %s", obj, obj.GetName(), describe(obj))
}

// awaitReason waits until the Ready condition answers for the generation that is stored, with a reason.
func (w *world) awaitReason(obj objects.Conditioned, reason string) {
	w.t.Helper()
	w.Eventually(func() string {
		if err := admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err.Error()
		}
		ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration != obj.GetGeneration() {
			return "not judged yet"
		}
		return ready.Reason
	}).Should(Equal(reason), func() string { return describe(obj) })
}

func (w *world) message(obj objects.Conditioned) string {
	w.t.Helper()
	w.get(obj)
	return readyMessageOf(obj)
}

func readyMessageOf(obj objects.Conditioned) string {
	if ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

func describe(obj client.Object) string {
	if c, ok := obj.(objects.Conditioned); ok {
		return fmt.Sprintf("%+v", c.GetConditions())
	}
	return ""
}

// threads are the threads at the service that are not deleted.
func (w *world) threads() []emulator.Thread {
	return slices.DeleteFunc(w.emulator.Threads(), func(thread emulator.Thread) bool { return thread.DeletedOn != nil })
}

// remote is the thread at the service.
func (w *world) remote(thread *chatv1alpha1.ChatThread) emulator.Thread {
	w.t.Helper()
	w.get(thread)
	w.Expect(thread.Status.ThreadID).NotTo(BeEmpty())
	found, ok := w.emulator.Thread(thread.Status.ThreadID)
	w.Expect(ok).To(BeTrue(), "the service knows no thread %s", thread.Status.ThreadID)
	return found
}

// memberIDs are the members of a thread at the service, without the service users, in order.
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

// events are the events on an object, in order.
func (w *world) events(obj client.Object) []eventsv1.Event {
	w.t.Helper()
	list := &eventsv1.EventList{}
	w.Expect(admin.List(w.t.Context(), list, client.InNamespace(obj.GetNamespace()))).To(Succeed())
	slices.SortFunc(list.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool { return e.Regarding.UID != obj.GetUID() })
}

// eventReasons are the reasons of the events on an object, each as often as it was told.
func (w *world) eventReasons(obj client.Object) []string {
	w.t.Helper()
	var reasons []string
	for _, e := range w.events(obj) {
		times := 1
		if e.Series != nil {
			times = int(e.Series.Count)
		}
		reasons = append(reasons, slices.Repeat([]string{e.Reason}, times)...)
	}
	return reasons
}

// eventNotes are what the events on an object tell.
func (w *world) eventNotes(obj client.Object) []string {
	w.t.Helper()
	var notes []string
	for _, e := range w.events(obj) {
		notes = append(notes, e.Note)
	}
	return notes
}

func sorted(values ...string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return values
}

// recorder watches a namespace and checks every state of every object of our kinds.
type recorder struct {
	mu       sync.Mutex
	versions map[types.UID]int
	// latest is the version of each object that was seen last.
	latest map[types.UID]string
	// judged holds the conditions that were checked: an edit of the spec leaves them behind it for a while.
	judged map[types.UID][]metav1.Condition
}

// record starts a recorder, which fails the test where a status breaks the rules of kstatus.
func record(t *testing.T, namespace string) *recorder {
	t.Helper()
	r := &recorder{versions: map[types.UID]int{}, latest: map[types.UID]string{}, judged: map[types.UID][]metav1.Condition{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, list := range []client.ObjectList{&chatv1alpha1.ChatConnectionList{}, &chatv1alpha1.ChatThreadList{}, &chatv1alpha1.ChatParticipantList{}} {
		watcher, err := admin.Watch(ctx, list, client.InNamespace(namespace))
		if err != nil {
			t.Fatalf("watch: %v", err)
		}
		running.Go(func() {
			for e := range watcher.ResultChan() {
				if obj, ok := e.Object.(objects.Conditioned); ok && e.Type != watch.Deleted {
					r.note(t, obj)
				}
			}
		})
		t.Cleanup(watcher.Stop)
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return r
}

func (r *recorder) note(t *testing.T, obj objects.Conditioned) {
	t.Helper()
	r.mu.Lock()
	r.versions[obj.GetUID()]++
	r.latest[obj.GetUID()] = obj.GetResourceVersion()
	same := equality.Semantic.DeepEqual(r.judged[obj.GetUID()], obj.GetConditions())
	r.judged[obj.GetUID()] = obj.GetConditions()
	r.mu.Unlock()
	if same {
		return
	}
	if broken := operatortest.BrokenInvariant(t.Context(), obj); broken != "" {
		t.Errorf("%T %s: %s\n%s", obj, obj.GetName(), broken, describe(obj))
	}
}

// writes is how often an object was written after it was created.
func (r *recorder) writes(obj client.Object) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.versions[obj.GetUID()] - 1
}

func (r *recorder) latestVersion(obj client.Object) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest[obj.GetUID()]
}

// writesSoFar is how often an object was written, once the watch has shown its present version.
func (w *world) writesSoFar(obj client.Object) int {
	w.t.Helper()
	w.get(obj)
	w.Eventually(func() string { return w.recorder.latestVersion(obj) }).Should(Equal(obj.GetResourceVersion()))
	return w.recorder.writes(obj)
}
