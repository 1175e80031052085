// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// soon is the time limit for a state that should come at once.
	soon = 20 * time.Second
	poll = 20 * time.Millisecond
)

var (
	scheme = runtime.NewScheme()
	// admin has all permissions, as has the user of adminKubeconfig, a file for kubectl.
	// operatorConfig has the permissions of config/rbac.
	admin           client.WithWatch
	adminConfig     *rest.Config
	adminKubeconfig []byte
	operatorConfig  *rest.Config
)

func TestMain(m *testing.M) { os.Exit(runSuite(m)) }

func runSuite(m *testing.M) int {
	flag.Parse()
	// The fuzzer kills its workers, and a control plane of theirs would stay as an orphan. Benchmarks
	// need none.
	if isFlag("test.fuzzworker", "true") || isFlag("test.run", "^$") {
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
		// Connections of clients to the API server end with it.
		if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
			goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*ClientConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*http2ClientConn).readLoop"),
			goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// isFlag reports whether a flag of the test binary has a value.
func isFlag(name, value string) bool {
	found := flag.Lookup(name)
	return found != nil && found.Value.String() == value
}

// logFile returns the file for the log of the operator: the one that TEST_LOG names, or none.
func logFile() *os.File {
	name := os.Getenv("TEST_LOG")
	if name == "" {
		name = os.DevNull
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the user of the tests names it
	if err != nil {
		return os.Stderr
	}
	return file
}

// prepare creates the user that the managers of the tests run as, and binds the operator's role to
// it.
func prepare(control *envtest.Environment) error {
	var err error
	adminKubeconfig = control.KubeConfig
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
