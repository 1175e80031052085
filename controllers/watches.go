// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/access"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/census"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/changes"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/queues"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/roster"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/uninstall"
)

// Kind is a kind of object that the operator reconciles.
type Kind string

// The kinds, each with a controller of its own.
const (
	KindConnection  Kind = "ChatConnection"
	KindThread      Kind = "ChatThread"
	KindParticipant Kind = "ChatParticipant"
	// KindListing has no objects: its keys are the service users of ChatConnections.
	KindListing Kind = "Listing"
)

// Dependencies are the objects that the controllers need from a manager.
type Dependencies struct {
	Options

	// Client reads from the cache and writes to the API server.
	Client client.Client
	// APIReader reads from the API server if a stale answer could do harm.
	APIReader client.Reader
	// Recorder returns the recorder for the events of a controller.
	Recorder func(controller string) events.EventRecorder
	// NamespacesUnwatched is set if each Namespace is read when it is needed, instead of from the
	// cache.
	NamespacesUnwatched bool

	// Discovery tells which kinds the API server serves. It is nil if the operator may read the CRDs.
	Discovery discovery.ServerResourcesInterfaceWithContext

	// timing is defaultTiming if it is empty.
	timing timing
}

// Controllers are the controllers of the three kinds and of the listings. They share credentials,
// quotas and the directory of threads.
type Controllers struct {
	options             Options
	namespacesUnwatched bool
	registry            *connection.Registry
	census              *census.Census

	connections  *ChatConnectionReconciler
	threads      *ChatThreadReconciler
	participants *ChatParticipantReconciler
	listing      *listingReconciler

	connectionWakes, threadWakes, participantWakes, listingWakes queues.Waker
}

// New returns the controllers, without a manager.
func New(deps Dependencies) *Controllers {
	c := &Controllers{options: deps.Options, namespacesUnwatched: deps.NamespacesUnwatched}
	c.census = census.New(string(KindConnection), string(KindThread), string(KindParticipant))
	c.registry = &connection.Registry{
		Reader:           deps.APIReader,
		AllowedEndpoints: deps.AllowedEndpoints,
		EntraNamespaces:  deps.EntraNamespaces,
		Transport:        deps.HTTPClient,
		Timeout:          deps.ACSTimeout,
		Pacing:           deps.Pacing,
		Workers:          deps.MaxConcurrentReconciles,
		Tracing:          deps.Tracing.ForACS(),
		Wake:             c.wakeThreadOrListing,
		WakeConnection:   c.connectionWakes.Wake,
	}
	roster := roster.New(c.participantWakes.Wake)
	store := objects.NewStore(deps.Client, deps.APIReader)
	uninstalls := uninstall.Detector{Reader: deps.APIReader, Discovery: deps.Discovery}
	c.connections = &ChatConnectionReconciler{
		Reader: deps.Client, APIReader: deps.APIReader, Recorder: deps.Recorder(KindConnection.controller()),
		Sessions: c.registry, WatchNamespaces: deps.WatchNamespaces, Store: store, uninstall: uninstalls,
	}
	c.threads = &ChatThreadReconciler{
		Client: deps.Client, APIReader: deps.APIReader, Recorder: deps.Recorder(KindThread.controller()),
		Sessions: c.registry, WatchNamespaces: deps.WatchNamespaces, held: deps.Held, access: deps.access(),
		uninstall: uninstalls, timing: cmp.Or(deps.timing, defaultTiming), backoff: queues.NewBackoff(), Store: store,
		memories: newMemories(), roster: roster, wakeConnection: c.connectionWakes.Wake, wakeListing: c.listingWakes.Wake,
	}
	c.participants = &ChatParticipantReconciler{
		Reader: deps.Client, Recorder: deps.Recorder(KindParticipant.controller()), roster: roster, Store: store,
	}
	c.listing = &listingReconciler{Client: deps.Client, registry: c.registry, timing: c.threads.timing, wakeThread: c.threadWakes.Wake}
	return c
}

// access returns the rules by which namespaces may use a connection.
func (d Dependencies) access() access.Rules {
	rules := access.Rules{Namespaces: d.Client, OwnOnly: d.Namespaced}
	if d.NamespacesUnwatched {
		rules.Namespaces = d.APIReader
	}
	return rules
}

// wakeThreadOrListing wakes a ChatThread, or a listing, that waited for a quota or for a worker.
func (c *Controllers) wakeThreadOrListing(key types.NamespacedName) {
	if isListingKey(key) {
		c.listingWakes.Wake(key)
		return
	}
	c.threadWakes.Wake(key)
}

// Metrics returns the metrics of the state of objects, connections and quotas.
func (c *Controllers) Metrics() prometheus.Collector {
	return collectors{newStateMetrics(c.registry), c.census}
}

// Controller is a controller of one kind, as a manager runs it.
type Controller struct {
	Kind       Kind
	Reconciler reconcile.Reconciler
	Options    controller.Options
	// Wakes are the objects that other controllers enqueue.
	Wakes source.Source
}

// All returns the controllers.
func (c *Controllers) All() []Controller {
	options := func(limiter workqueue.TypedRateLimiter[reconcile.Request]) controller.Options {
		return controller.Options{
			MaxConcurrentReconciles: c.options.MaxConcurrentReconciles,
			ReconciliationTimeout:   reconcileTimeout,
			RateLimiter:             limiter,
		}
	}
	return []Controller{
		{KindConnection, c.gate(c.trace(KindConnection, c.connections)), options(queues.NewRateLimiter()), c.connectionWakes.Source()},
		{KindThread, c.gate(c.trace(KindThread, c.threads)), options(c.threads.backoff), c.threadWakes.Source()},
		{KindParticipant, c.gate(c.trace(KindParticipant, c.participants)), options(queues.NewRateLimiter()), c.participantWakes.Source()},
		{KindListing, c.gate(c.trace(KindListing, c.listing)), options(queues.NewRateLimiter()), c.listingWakes.Source()},
	}
}

// Watch enqueues objects of one kind when objects of another kind, or of the same, change.
type Watch struct {
	// Of is an empty object of the kind that is watched.
	Of client.Object
	// Filter accepts the changes that matter.
	Filter predicate.Predicate
	// Wakes is the kind of the objects that are enqueued.
	Wakes Kind
	// Handler enqueues them. It is nil if the object that changed is enqueued itself.
	Handler handler.EventHandler
}

// Watches returns the watches of all controllers. Setup registers them with a manager, and the
// simulation plays them.
func (c *Controllers) Watches() []Watch {
	each := predicate.Funcs{}
	enqueue := handler.EnqueueRequestsFromMapFunc
	watches := []Watch{
		{&chatv1alpha1.ChatConnection{}, changes.OfConnection(), KindConnection, nil},
		{&chatv1alpha1.ChatThread{}, changes.OfRelease(), KindConnection, enqueue(c.connections.deletingConnection)},

		{&chatv1alpha1.ChatThread{}, changes.OfThread(), KindThread, nil},
		{&chatv1alpha1.ChatThread{}, changes.OfRelease(), KindThread, enqueue(c.threads.adoptersOfThread)},
		{&chatv1alpha1.ChatParticipant{}, each, KindThread, c.threads.participantHandler()},
		{&chatv1alpha1.ChatConnection{}, each, KindThread, c.threads.connectionHandler()},

		{&chatv1alpha1.ChatParticipant{}, changes.OfParticipant(), KindParticipant, nil},
		{&chatv1alpha1.ChatThread{}, changes.OfAvailability(), KindParticipant, enqueue(c.participants.participantsOfThread)},
	}
	if !c.namespacesUnwatched {
		watches = append(watches, Watch{&corev1.Namespace{}, changes.OfLabels(), KindThread, enqueue(c.threads.threadsOfNamespace)})
	}
	return watches
}

// register adds the controllers to a manager.
func (c *Controllers) register(mgr ctrl.Manager) error {
	for _, one := range c.All() {
		b := ctrl.NewControllerManagedBy(mgr).Named(one.Kind.controller()).WithOptions(one.Options).WatchesRawSource(one.Wakes)
		for _, watch := range c.Watches() {
			switch filter := builder.WithPredicates(watch.Filter); {
			case watch.Wakes != one.Kind:
			case watch.Handler == nil:
				b.For(watch.Of, filter)
			default:
				b.Watches(watch.Of, watch.Handler, filter)
			}
		}
		if err := b.Complete(one.Reconciler); err != nil {
			return fmt.Errorf("set up the controller of kind %s: %w", one.Kind, err)
		}
	}
	return nil
}

// controller returns the name of the controller of a kind.
func (k Kind) controller() string { return strings.ToLower(string(k)) }
