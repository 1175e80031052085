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
	simEndpoint  = "https://contoso.communication.azure.com"
	simNamespace = "test"
	// simSelectable is the field of a ChatParticipant that the API server selects by.
	simSelectable = "spec.threadRef.name"
	// simResync is how often a thread is looked at if it does not say.
	simResync = 10 * time.Minute
)

// simTime is a time as a status holds it.
func simTime(t time.Time) *metav1.Time {
	return new(metav1.NewTime(t.UTC().Truncate(time.Second)))
}

// simWorld is an API server, the emulated service and the processes of an operator, all in one
// bubble of fake time. Every effect of an operator goes through strike, which can end its process
// there.
type simWorld struct {
	simSurroundings
	t        simTB
	emulator *emulator.Server
	live     client.WithWatch
	indexes  simIndexes
	lags     simLags
	// downtime goes by between a crash and the next process.
	downtime time.Duration
	process  *simProcess
	// maxPasses is how many passes a process makes at most: more are a hot loop.
	maxPasses int
	// onCall is told of each call to the service.
	onCall func(operation string, u *url.URL)
	// onChange is told of each call that may have changed something at the service.
	onChange func(before, after []emulator.Thread)
	// refused counts the calls that were answered with 429.
	refused int
	// people are the users that threads are declared with, created how many objects there were.
	people  []string
	created int

	mu     sync.Mutex
	random *rand.Rand
	logs   map[simKind][]simEvent
	judged map[types.UID][]metav1.Condition
	// armed says that effects are counted, armedAt since when, count how many there were since the
	// last strike.
	armed     bool
	armedAt   time.Time
	count     int
	plan      []simStrike
	effects   []string
	struck    []string
	lastWrite time.Time
	requests  int
	// joins and removals count by user how often somebody came into a thread, or was taken out.
	joins, removals map[string]int
	// takenOut holds since when members could read that the operator took out while they were
	// declared.
	takenOut map[simPlace]time.Time
	// outage, where there is one, answers in place of the service.
	outage func(*http.Request) (*http.Response, error)
	// watch, where there is one, is told of each change at the API server.
	watch func(simEvent)
	// uninstalling says that the CRDs are being deleted.
	uninstalling bool
	// turn is full while a process is at work; two operators take turns. A lock would keep the time
	// of the bubble from going on while somebody waits for it.
	turn chan struct{}
}

// simKind is a kind of object that is watched.
type simKind = controllers.Kind

const (
	simConnection  = controllers.KindConnection
	simThread      = controllers.KindThread
	simParticipant = controllers.KindParticipant
	simNamespaces  = simKind("Namespace")
)

// simKinds are the kinds that the operator reconciles, simWatched those that it watches.
var (
	simKinds   = []simKind{simConnection, simThread, simParticipant}
	simWatched = append(slices.Clone(simKinds), simNamespaces)
)

// simEvent is a change of an object at the API server; what is nil is not there.
type simEvent struct {
	key      types.NamespacedName
	old, now client.Object
	at       time.Time
}

// simLags say how late the cache is; the zero value is a cache that knows all at once.
type simLags struct {
	// latest is how late an event may come, and events how many may be on their way at most.
	latest time.Duration
	events int
	// pause is how long a request may wait between decision and effect, where two operators run.
	pause time.Duration
}

// simScheme holds only what is needed: the fake client goes through all of it at each write.
var simScheme = sync.OnceValue(func() *runtime.Scheme {
	small := runtime.NewScheme()
	utilruntime.Must(chatv1alpha1.AddToScheme(small))
	small.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Namespace{}, &corev1.Secret{})
	metav1.AddToGroupVersion(small, corev1.SchemeGroupVersion)
	return small
})

func newSimWorld(t simTB, options emulator.Options, people int, seed uint64) *simWorld {
	t.Helper()
	options.Seed = "sim"
	options.KeepRequests = -1
	w := &simWorld{
		t: t, emulator: emulator.New(options), indexes: simIndexes{},
		turn: make(chan struct{}, 1), maxPasses: 20000,
		random: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // a run is to be repeated
		logs:   map[simKind][]simEvent{}, judged: map[types.UID][]metav1.Condition{},
		joins: map[string]int{}, removals: map[string]int{}, takenOut: map[simPlace]time.Time{},
	}
	if err := controllers.AddIndexes(t.Context(), w.indexes); err != nil {
		t.Fatal(err)
	}
	// The CRD declares the thread of a ChatParticipant as a field to select by.
	w.live = fake.NewClientBuilder().WithScheme(simScheme()).WithGlobalResourceVersionCounter().
		WithIndex(&chatv1alpha1.ChatParticipant{}, simSelectable, w.indexes[string(simParticipant)+" "+simSelectable]).
		WithStatusSubresource(&chatv1alpha1.ChatConnection{}, &chatv1alpha1.ChatThread{}, &chatv1alpha1.ChatParticipant{}).Build()
	for range people {
		w.people = append(w.people, w.emulator.CreateUser())
	}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: simNamespace}})
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: simNamespace, Name: "acs"},
		Data:       map[string][]byte{"connectionString": []byte(w.emulator.ConnectionString(simEndpoint))},
	})
	return w
}

// chance is a number below n that the seed decides.
func (w *simWorld) chance(n int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Int64N(max(n, 1))
}

func simKindOf(obj client.Object) simKind { return simKind(operatortest.KindOf(obj)) }

func emptySim(kind simKind) client.Object {
	switch kind {
	case simConnection:
		return &chatv1alpha1.ChatConnection{}
	case simThread:
		return &chatv1alpha1.ChatThread{}
	case simNamespaces:
		return &corev1.Namespace{}
	default:
		return &chatv1alpha1.ChatParticipant{}
	}
}

// create stores an object as the API server would.
func (w *simWorld) create(obj client.Object) {
	w.t.Helper()
	w.created++
	obj.SetUID(types.UID(uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, simKindOf(obj), obj.GetName(), w.created)).String()))
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

// simEdit changes the declaration of an object as a user would.
func simEdit[T client.Object](w *simWorld, obj T, change func(T)) {
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

// remove deletes an object: what has a finalizer stays, with another generation.
func (w *simWorld) remove(obj client.Object) {
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

// record notes what the API server holds of an object now, for those who watch.
func (w *simWorld) record(obj client.Object) (now client.Object) {
	kind := simKindOf(obj)
	if !slices.Contains(simWatched, kind) {
		return nil
	}
	event := w.log(kind, objects.KeyOf(obj))
	if w.watch != nil && kind != simNamespaces {
		w.watch(event)
	}
	return event.now
}

// log puts the present state of an object into the log of its kind.
func (w *simWorld) log(kind simKind, key types.NamespacedName) simEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	event := simEvent{key: key, at: time.Now(), now: emptySim(kind)}
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

// wrote notes a write of an operator and judges the conditions that it left.
func (w *simWorld) wrote(obj client.Object) {
	stored, ok := w.record(obj).(objects.Conditioned)
	kind := simKindOf(obj)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastWrite = time.Now()
	if !ok || equality.Semantic.DeepEqual(w.judged[stored.GetUID()], stored.GetConditions()) {
		return
	}
	w.judged[stored.GetUID()] = stored.GetConditions()
	if broken := operatortest.BrokenInvariant(w.t.Context(), stored); broken != "" {
		w.t.Errorf("%s %s: %s\n%s", kind, stored.GetName(), broken, w.describe(stored))
	}
}

// simWay is how an effect is struck.
type simWay string

const (
	simBefore simWay = "before"
	simAfter  simWay = "after"
	// simLost loses the answer, and the process lives.
	simLost simWay = "lost"
	// simHalf does half of a batch.
	simHalf simWay = "half"
)

// simStrike strikes an effect, counted from the one before that was struck.
type simStrike struct {
	at  int
	way simWay
}

func (s simStrike) String() string { return fmt.Sprintf("%s %d", s.way, s.at) }

// strike counts an effect and says how it ends.
func (w *simWorld) strike(effect string) simWay {
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

// arm begins to count effects, of which some are struck.
func (w *simWorld) arm(plan ...simStrike) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.armedAt, w.plan = true, time.Now().Truncate(time.Second), plan
	w.joins, w.removals = map[string]int{}, map[string]int{}
}

// run lets time go by. A process that crashes is followed by a fresh one.
func (w *simWorld) run(duration time.Duration) {
	w.t.Helper()
	until := time.Now().Add(duration)
	if w.process == nil {
		w.process = newSimProcess(w, 0)
	}
	for w.process.run(until) {
		if w.downtime > 0 {
			<-time.After(w.downtime)
		}
		w.process = newSimProcess(w, 0)
	}
}

// definition is a CRD as the API server has it.
func (w *simWorld) definition(crd *metav1.PartialObjectMetadata, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	crd.Name = name
	if w.uninstalling {
		crd.DeletionTimestamp = new(metav1.Now())
	}
}
