// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

const (
	defaultEndpoint = "https://contoso.communication.azure.com"
	testNamespace   = "test"
	// threadRefField is the field of a ChatParticipant that the API server selects by.
	threadRefField = "spec.threadRef.name"
	// resyncInterval is the resync interval of a thread that sets none.
	resyncInterval = 10 * time.Minute
)

// statusTime returns a time as a status holds it.
func statusTime(t time.Time) *metav1.Time {
	return new(metav1.NewTime(t.UTC().Truncate(time.Second)))
}

// world is an API server, the emulated service and the processes of an operator, all in one bubble
// of fake time. Each effect of an operator goes through strike, which can end its process there.
type world struct {
	environment
	t        reporter
	emulator *emulator.Server
	live     client.WithWatch
	indexes  fieldIndexes
	lags     lag
	// downtime is the time between a crash and the next process.
	downtime time.Duration
	process  *process
	// maxReconciles is the largest number of reconciles of a process. More are a hot loop.
	maxReconciles int
	// onCall is called for each call to the service.
	onCall func(operation string, u *url.URL)
	// onChange is called after each call that may have changed something at the service.
	onChange func(before, after []emulator.Thread)
	// refused counts the calls that were answered with 429.
	refused int
	// people are the users that threads declare. created counts the objects that were created.
	people  []string
	created int

	mu      sync.Mutex
	random  *rand.Rand
	logs    map[objectKind][]watchEvent
	checked map[types.UID][]metav1.Condition
	// armed is set while effects are counted, since armedAt. count is their number since the last
	// strike.
	armed     bool
	armedAt   time.Time
	count     int
	plan      []strike
	effects   []string
	struck    []string
	lastWrite time.Time
	requests  int
	// joins and removals count the additions and removals of each user.
	joins, removals map[string]int
	// removedDeclared maps members that the operator removed although they were declared to the time
	// from which they could read.
	removedDeclared map[memberKey]time.Time
	// outage, if set, answers in place of the service.
	outage func(*http.Request) (*http.Response, error)
	// watch, if set, is called for each change at the API server.
	watch func(watchEvent)
	// uninstalling is set while the CRDs are being deleted.
	uninstalling bool
	// turn is full while a process works, so that two operators take turns. A lock would stop the time
	// of the bubble while a goroutine waits for it.
	turn chan struct{}
}

// objectKind is a kind of object that is watched.
type objectKind = controllers.Kind

const (
	kindConnection  = controllers.KindConnection
	kindThread      = controllers.KindThread
	kindParticipant = controllers.KindParticipant
	kindNamespace   = objectKind("Namespace")
)

// reconciledKinds are the kinds that the operator reconciles, and watchedKinds those that it
// watches.
var (
	reconciledKinds = []objectKind{kindConnection, kindThread, kindParticipant}
	watchedKinds    = append(slices.Clone(reconciledKinds), kindNamespace)
)

// watchEvent is a change of an object at the API server. old is nil for a new object, and now is
// nil for a deleted one.
type watchEvent struct {
	key      types.NamespacedName
	old, now client.Object
	at       time.Time
}

// lag is the delay of the caches. The zero value is a cache that is always fresh.
type lag struct {
	// latest is the largest delay of an event, and events the largest number of undelivered events.
	latest time.Duration
	events int
	// pause is the longest wait between decision and effect, if two operators run.
	pause time.Duration
}

// smallScheme holds only the necessary types: the fake client goes through all of them at each
// write.
var smallScheme = sync.OnceValue(func() *runtime.Scheme {
	small := runtime.NewScheme()
	utilruntime.Must(chatv1alpha1.AddToScheme(small))
	small.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Namespace{}, &corev1.Secret{})
	metav1.AddToGroupVersion(small, corev1.SchemeGroupVersion)
	return small
})

func newWorld(t reporter, options emulator.Options, people int, seed uint64) *world {
	t.Helper()
	options.Seed = "sim"
	options.KeepRequests = -1
	w := &world{
		t: t, emulator: emulator.New(options), indexes: fieldIndexes{},
		turn: make(chan struct{}, 1), maxReconciles: 20000,
		random: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // runs must be reproducible
		logs:   map[objectKind][]watchEvent{}, checked: map[types.UID][]metav1.Condition{},
		joins: map[string]int{}, removals: map[string]int{}, removedDeclared: map[memberKey]time.Time{},
	}
	if err := controllers.AddIndexes(t.Context(), w.indexes); err != nil {
		t.Fatal(err)
	}
	// The CRDs declare these as selectable fields.
	w.live = fake.NewClientBuilder().WithScheme(smallScheme()).WithGlobalResourceVersionCounter().
		WithIndex(&chatv1alpha1.ChatParticipant{}, threadRefField, w.indexes[string(kindParticipant)+" "+threadRefField]).
		WithIndex(&chatv1alpha1.ChatThread{}, "spec.connectionRef.name", func(obj client.Object) []string { return []string{connectionOf(obj).Name} }).
		WithIndex(&chatv1alpha1.ChatThread{}, "spec.connectionRef.namespace", func(obj client.Object) []string { return []string{connectionOf(obj).Namespace} }).
		WithStatusSubresource(&chatv1alpha1.ChatConnection{}, &chatv1alpha1.ChatThread{}, &chatv1alpha1.ChatParticipant{}).Build()
	for range people {
		w.people = append(w.people, w.emulator.CreateUser())
	}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace}})
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "acs"},
		Data:       map[string][]byte{"connectionString": []byte(w.emulator.ConnectionString(defaultEndpoint))},
	})
	return w
}

// connectionOf returns the reference of a ChatThread to its connection.
func connectionOf(obj client.Object) chatv1alpha1.ConnectionReference {
	thread, _ := obj.(*chatv1alpha1.ChatThread)
	return thread.Spec.ConnectionRef
}

// chance returns a number below n that depends on the seed.
func (w *world) chance(n int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Int64N(max(n, 1))
}

func kindOf(obj client.Object) objectKind { return objectKind(operatortest.KindOf(obj)) }

func emptyObject(kind objectKind) client.Object {
	switch kind {
	case kindConnection:
		return &chatv1alpha1.ChatConnection{}
	case kindThread:
		return &chatv1alpha1.ChatThread{}
	case kindNamespace:
		return &corev1.Namespace{}
	default:
		return &chatv1alpha1.ChatParticipant{}
	}
}

// create stores an object as the API server would.
func (w *world) create(obj client.Object) {
	w.t.Helper()
	w.created++
	obj.SetUID(types.UID(uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, kindOf(obj), obj.GetName(), w.created)).String()))
	obj.SetCreationTimestamp(metav1.Now())
	obj.SetGeneration(1)
	switch o := obj.(type) {
	case *chatv1alpha1.ChatConnection:
		o.Status.ObservedGeneration = -1
	case *chatv1alpha1.ChatThread:
		o.Spec.ConnectionRef.Name = cmp.Or(o.Spec.ConnectionRef.Name, "default")
		o.Spec.ManagementPolicy = cmp.Or(o.Spec.ManagementPolicy, chatv1alpha1.ManagementManage)
		o.Status.ObservedGeneration = -1
	case *chatv1alpha1.ChatParticipant:
		o.Status.ObservedGeneration = -1
	}
	if err := w.live.Create(w.t.Context(), obj); err != nil {
		w.t.Fatal(err)
	}
	w.record(obj)
	w.forgetUndeclared()
}

// edit changes the declaration of an object as a user would.
func edit[T client.Object](w *world, obj T, change func(T)) {
	w.t.Helper()
	if err := w.live.Get(w.t.Context(), objects.KeyOf(obj), obj); err != nil {
		w.t.Fatal(err)
	}
	before := objects.CopyOf(obj)
	change(obj)
	annotations := obj.GetAnnotations()
	before.SetAnnotations(annotations)
	if !equality.Semantic.DeepEqual(before, obj) {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
	if err := w.live.Update(w.t.Context(), obj); err != nil {
		w.t.Fatal(err)
	}
	w.record(obj)
	w.forgetUndeclared()
}

// remove deletes an object. An object with a finalizer stays, with a higher generation.
func (w *world) remove(obj client.Object) {
	w.t.Helper()
	if err := w.live.Delete(w.t.Context(), obj); err != nil {
		w.t.Fatal(err)
	}
	if err := w.live.Get(w.t.Context(), objects.KeyOf(obj), obj); err == nil {
		obj.SetGeneration(obj.GetGeneration() + 1)
		if err := w.live.Update(w.t.Context(), obj); err != nil {
			w.t.Fatal(err)
		}
	}
	w.record(obj)
	w.forgetUndeclared()
}

// record logs the present state of an object at the API server, for the caches, and checks its
// health in Argo CD.
func (w *world) record(obj client.Object) (now client.Object) {
	kind := kindOf(obj)
	if !slices.Contains(watchedKinds, kind) {
		return nil
	}
	event := w.log(kind, objects.KeyOf(obj))
	if stored, ok := event.now.(objects.Conditioned); ok {
		if broken := operatortest.BrokenHealth(w.t.Context(), stored); broken != "" {
			w.t.Errorf("%s %s: %s\n%s", kind, stored.GetName(), broken, w.describe(stored))
		}
	}
	if w.watch != nil && kind != kindNamespace {
		w.watch(event)
	}
	return event.now
}

// log adds the present state of an object to the log of its kind.
func (w *world) log(kind objectKind, key types.NamespacedName) watchEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	event := watchEvent{key: key, at: time.Now(), now: emptyObject(kind)}
	if err := w.live.Get(w.t.Context(), event.key, event.now); apierrors.IsNotFound(err) {
		event.now = nil
	} else if err != nil {
		w.t.Error(err)
	}
	for _, before := range slices.Backward(w.logs[kind]) {
		if before.key == event.key {
			event.old = before.now
			break
		}
	}
	w.logs[kind] = append(w.logs[kind], event)
	return event
}

// wrote records a write of an operator and checks the conditions that it left.
func (w *world) wrote(obj client.Object) {
	stored, ok := w.record(obj).(objects.Conditioned)
	kind := kindOf(obj)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastWrite = time.Now()
	if !ok || equality.Semantic.DeepEqual(w.checked[stored.GetUID()], stored.GetConditions()) {
		return
	}
	w.checked[stored.GetUID()] = stored.GetConditions()
	if broken := operatortest.BrokenInvariant(w.t.Context(), stored); broken != "" {
		w.t.Errorf("%s %s: %s\n%s", kind, stored.GetName(), broken, w.describe(stored))
	}
}

// strikeMode is the way in which a strike hits an effect.
type strikeMode string

const (
	strikeBefore strikeMode = "before"
	strikeAfter  strikeMode = "after"
	// strikeAnswerLost loses the answer, and the process survives.
	strikeAnswerLost strikeMode = "lost"
	// strikeHalf carries out half of a batch.
	strikeHalf strikeMode = "half"
)

// strike hits an effect. at is counted from the previous strike.
type strike struct {
	at  int
	way strikeMode
}

func (s strike) String() string { return fmt.Sprintf("%s %d", s.way, s.at) }

// strike counts an effect and returns the strike that hits it.
func (w *world) strike(effect string) strikeMode {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed {
		return ""
	}
	w.effects = append(w.effects, effect)
	w.count++
	if len(w.plan) == 0 || w.plan[0].at != w.count {
		return ""
	}
	way := w.plan[0].way
	w.plan, w.count = w.plan[1:], 0
	w.struck = append(w.struck, fmt.Sprint(way, " ", effect))
	return way
}

// arm starts to count effects, and plans the strikes.
func (w *world) arm(plan ...strike) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.armedAt, w.plan = true, time.Now().Truncate(time.Second), plan
	w.joins, w.removals = map[string]int{}, map[string]int{}
}

// run lets time go by. After a crash it starts a new process.
func (w *world) run(duration time.Duration) {
	w.t.Helper()
	until := time.Now().Add(duration)
	if w.process == nil {
		w.process = newProcess(w, 0)
	}
	for w.process.run(until) {
		if w.downtime > 0 {
			<-time.After(w.downtime)
		}
		w.process = newProcess(w, 0)
	}
}

// definition returns a CRD as the API server has it.
func (w *world) definition(crd *metav1.PartialObjectMetadata, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	crd.Name = name
	if w.uninstalling {
		crd.DeletionTimestamp = new(metav1.Now())
	}
}
