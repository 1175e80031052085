// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	connection  = "ChatConnection"
	thread      = "ChatThread"
	participant = "ChatParticipant"
)

var (
	// api has no cache.
	api client.Client
	// server responds to raw requests.
	server *discovery.DiscoveryClient
	// definitions are the installed CRDs by kind.
	definitions = map[string]*apiextensionsv1.CustomResourceDefinition{}
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(suite{m}, goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"))
}

// suite runs the tests against one control plane.
type suite struct{ tests *testing.M }

func (s suite) Run() int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return failed(errors.New("KUBEBUILDER_ASSETS is not set: run `make test`, which builds a control plane and sets it"))
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	control := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// go test may compile other packages at the same time.
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
		CRDInstallOptions:        envtest.CRDInstallOptions{MaxTime: time.Minute},
	}
	config, err := control.Start()
	if err != nil {
		return failed(fmt.Errorf("start control plane: %w", err), control.Stop())
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	httpClient, err := connect(config)
	if err != nil {
		return failed(fmt.Errorf("connect: %w", err), control.Stop())
	}
	for _, crd := range control.CRDs {
		definitions[crd.Spec.Names.Kind] = crd
	}
	code := s.tests.Run()
	utilnet.CloseIdleConnectionsFor(httpClient.Transport)
	return max(code, failed(control.Stop()))
}

func failed(errs ...error) int {
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func connect(config *rest.Config) (*http.Client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), chatv1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	if server, err = discovery.NewDiscoveryClientForConfigAndClient(config, httpClient); err != nil {
		return nil, err
	}
	api, err = client.New(config, client.Options{Scheme: scheme, HTTPClient: httpClient})
	return httpClient, err
}
