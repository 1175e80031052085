// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// floorCommand is the argument by which this program is the floor.
const floorCommand = "floor"

// floor makes for each ChatThread the writes that the operator makes, without any logic.
type floor struct {
	client.Client
	recorder events.EventRecorder
	// call sends the request that creates a thread; nil for the bare floor.
	call func(ctx context.Context, topic string) error
}

// runFloor is the program of the floor.
func runFloor(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(floorCommand, flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "")
	metrics := flags.String("metrics-bind-address", "", "")
	probes := flags.String("health-probe-bind-address", "", "")
	namespace := flags.String("namespace", "", "")
	connection := flags.String("connection-string-file", "", "")
	authority := flags.String("acs-ca-file", "", "")
	members := flags.Int("members", 0, "")
	_ = flags.Parse(args) // ExitOnError
	ctrl.SetLogger(zap.New())
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: newScheme(), HealthProbeBindAddress: *probes, Metrics: metricsserver.Options{BindAddress: *metrics},
		Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{*namespace: {}}},
	})
	if err != nil {
		return err
	}
	f := &floor{Client: mgr.GetClient()}
	if *connection != "" {
		f.recorder = mgr.GetEventRecorder(floorCommand)
		if f.call, err = newCall(ctx, *connection, *authority, *members); err != nil {
			return err
		}
	}
	err = ctrl.NewControllerManagedBy(mgr).For(&chatv1alpha1.ChatThread{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: 16}).Complete(f)
	if err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", func(req *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(req.Context()) {
			return errors.New("the caches are not filled")
		}
		return nil
	}); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// Reconcile stores a finalizer with an annotation and a status, and between the two it calls the
// service and sends an event.
func (f *floor) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	thread := &chatv1alpha1.ChatThread{}
	if err := f.Get(ctx, req.NamespacedName, thread); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if controllerutil.ContainsFinalizer(thread, chatv1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	before := thread.DeepCopy()
	controllerutil.AddFinalizer(thread, chatv1alpha1.Finalizer)
	thread.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: userID(0)}
	if err := f.Patch(ctx, thread, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, err
	}
	if f.call != nil {
		if err := f.call(ctx, thread.Spec.Topic); err != nil {
			return ctrl.Result{}, err
		}
		f.recorder.Eventf(thread, nil, corev1.EventTypeNormal, chatv1alpha1.EventCreated, "Reconcile", "Created thread")
	}
	before = thread.DeepCopy()
	now := metav1.Now()
	thread.Status.ThreadID = "19:" + string(thread.UID) + "@thread.v2"
	thread.Status.ServiceUser = userID(0)
	thread.Status.ObservedGeneration = thread.Generation
	thread.Status.Joined = "10/10"
	thread.Status.Conditions = []metav1.Condition{{Type: chatv1alpha1.ConditionReady, Status: metav1.ConditionTrue,
		Reason: chatv1alpha1.ReasonSucceeded, Message: "The thread is as declared.", LastTransitionTime: now, ObservedGeneration: thread.Generation}}
	return ctrl.Result{}, f.Status().Patch(ctx, thread, client.MergeFrom(before))
}

// newCall returns a function that creates a thread with members by the plainest HTTP request.
func newCall(ctx context.Context, connectionFile, authorityFile string, members int) (func(context.Context, string) error, error) {
	text, err := os.ReadFile(connectionFile)
	if err != nil {
		return nil, err
	}
	caller, err := newCaller(authorityFile)
	if err != nil {
		return nil, err
	}
	options := &acs.ClientOptions{}
	options.Transport = caller
	connection, err := acs.ParseConnectionString(string(text))
	if err != nil {
		return nil, err
	}
	identity, err := acs.NewIdentityClientWithAccessKey(connection.Endpoint, connection.AccessKey, options)
	if err != nil {
		return nil, err
	}
	user, err := identity.CreateUser(ctx, &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
	if err != nil {
		return nil, err
	}
	participants := make([]map[string]any, members)
	for i := range participants {
		participants[i] = map[string]any{"communicationIdentifier": map[string]any{"rawId": userID(i), "communicationUser": map[string]any{"id": userID(i)}}}
	}
	url := strings.TrimSuffix(connection.Endpoint, "/") + "/chat/threads?api-version=2025-03-15"
	return func(ctx context.Context, topic string) error {
		body, err := json.Marshal(map[string]any{"topic": topic, "participants": participants})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+user.Token.Token.Reveal())
		resp, err := caller.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			return fmt.Errorf("create a thread: %s %s", resp.Status, answer)
		}
		return err
	}, nil
}

// newCaller returns an HTTP client that trusts the service.
func newCaller(authorityFile string) (*http.Client, error) {
	authority, err := os.ReadFile(authorityFile)
	if err != nil {
		return nil, err
	}
	caller, err := processes.ClientTrusting(authority)
	if err != nil {
		return nil, err
	}
	if transport, ok := caller.Transport.(*http.Transport); ok {
		transport.ForceAttemptHTTP2 = true
	}
	return caller, nil
}
