// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator for chat threads at Azure Communication Services.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers"
	"github.com/acs-operator/acs-chat-operator/controllers/lease"
	"github.com/acs-operator/acs-chat-operator/controllers/tracing"
)

// namespaceFile contains the namespace of a pod.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

type settings struct {
	showVersion                  bool
	metricsAddress, probeAddress string
	secureMetrics                bool
	metricsCertDir               string
	pprofAddress                 string
	leaderElect                  bool
	leaderElectionNamespace      string
	leaderElectionID             string
	watchNamespaces              string
	namespaced                   bool
	endpointSuffixes             string
	entraNamespaces              string
	caFile                       string
	timeout                      time.Duration
	pacing                       bool
	concurrency                  int
}

func main() {
	s := &settings{}
	logging := zap.Options{}
	s.bind(flag.CommandLine)
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	if s.showVersion {
		fmt.Println(ownBuild()) //nolint:forbidigo // the only output of the program that is not a log
		return
	}
	logger := zap.New(zap.UseFlagOptions(&logging))
	ctrl.SetLogger(logger)
	// The libraries of Kubernetes log by klog, as for the election of a leader.
	klog.SetLogger(logger)
	if err := run(s); err != nil {
		fail(err)
	}
}

func fail(err error) {
	ctrl.Log.Error(err, "Manager failed")
	os.Exit(1)
}

func (s *settings) bind(flags *flag.FlagSet) {
	flags.BoolVar(&s.showVersion, "version", false, "Print the version and exit.")
	flags.StringVar(&s.metricsAddress, "metrics-bind-address", ":8443", "Address of the metrics endpoint; 0 turns it off.")
	flags.BoolVar(&s.secureMetrics, "metrics-secure", true, "Serve metrics by https, to those whom the API server lets get /metrics; false: plain http, to all.")
	flags.StringVar(&s.metricsCertDir, "metrics-cert-dir", "",
		"Directory with tls.crt and tls.key for the metrics endpoint, read again when they change; a certificate made at the start where it is left out.")
	flags.StringVar(&s.pprofAddress, "pprof-bind-address", "", "Address of the profiles of Go's pprof, by plain http, to all; none where it is left out.")
	flags.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz; 0 turns it off.")
	flags.BoolVar(&s.leaderElect, "leader-elect", false, "Let only one of several replicas work.")
	flags.StringVar(&s.leaderElectionNamespace, "leader-election-namespace", "", "Namespace of the lease; the pod's own where it is left out.")
	flags.StringVar(&s.leaderElectionID, "leader-election-id", leaseName, "Name of the lease. Installations that share a namespace need a name each. Needs --leader-elect.")
	flags.StringVar(&s.watchNamespaces, "watch-namespaces", "", "Namespaces to work in, comma-separated; all where it is left out.")
	flags.BoolVar(&s.namespaced, "namespaced", false,
		"Use no permission outside --watch-namespaces (the pod's own where that is left out): a ChatConnection then serves its own namespace only.")
	flags.StringVar(&s.endpointSuffixes, "allowed-endpoint-suffixes", strings.Join(controllers.DefaultEndpointSuffixes(), ","),
		"Hosts of ACS that credentials may be sent to, comma-separated: suffixes that start with a dot, or whole hosts, with a port where it is not 443.")
	flags.StringVar(&s.entraNamespaces, "entra-namespaces", "", "Namespaces whose ChatConnections may use the operator's own identity, comma-separated; the pod's own where it is left out.")
	flags.StringVar(&s.caFile, "acs-ca-file", "", "PEM file of certificate authorities to trust for ACS, besides those of the system.")
	flags.DurationVar(&s.timeout, "acs-timeout", 10*time.Second, "How long one try of a call to ACS may take.")
	flags.BoolVar(&s.pacing, "acs-pacing", true, "Keep calls within the quotas of ACS; false sends them as they come.")
	flags.IntVar(&s.concurrency, "max-concurrent-reconciles", 16, "How many objects of a kind are worked on at once.")
}

func run(s *settings) error {
	options, err := s.controllerOptions()
	if err != nil {
		return err
	}
	own := ownBuild()
	if err := s.announce(own); err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if options.Tracing, err = tracing.Start(ctx, tracing.Service{Name: operatorName, Version: own.version}, os.Getenv, ctrl.Log.WithName("tracing")); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	defer endTracing(options.Tracing)
	return s.operate(ctx, own, options)
}

// operate builds the manager with all controllers, and runs it until the context ends.
func (s *settings) operate(ctx context.Context, own build, options controllers.Options) error {
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster: %w", err)
	}
	config.UserAgent = own.userAgent()
	// A graceful stop would release a lease that another replica may hold by now.
	guard := lease.New(fail)
	claims := rest.CopyConfig(config)
	claims.Wrap(guard.ForClaims)
	config.Wrap(guard.ForAPIServer)
	config.Wrap(options.Tracing.ForAPIServer)
	options.HTTPClient.Transport = guard.ForACS(options.HTTPClient.Transport)
	lock, err := s.leaseLock(config, guard.Release)
	if err != nil {
		return err
	}
	shard, err := s.shard(claims, lock, options.WatchNamespaces)
	if err != nil {
		return err
	}
	caches := controllers.CacheOptions(options.WatchNamespaces)
	ready := controllers.NewReadiness(&caches)
	mgr, err := ctrl.NewManager(config, s.managerOptions(scheme, caches, lock))
	if err != nil {
		return fmt.Errorf("build manager: %w", err)
	}
	if err := addShard(mgr, shard, &options); err != nil {
		return err
	}
	if err := controllers.Setup(ctx, mgr, options); err != nil {
		return err
	}
	if err := addChecks(mgr, options, ready, lock != nil); err != nil {
		return err
	}
	return start(ctx, mgr)
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, chatv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build scheme: %w", err)
		}
	}
	return scheme, nil
}

func (s *settings) managerOptions(scheme *runtime.Scheme, caches cache.Options, lock resourcelock.Interface) ctrl.Options {
	return ctrl.Options{
		Scheme:                        scheme,
		Cache:                         caches,
		Client:                        client.Options{FieldOwner: operatorName},
		Metrics:                       s.metricsOptions(),
		HealthProbeBindAddress:        s.probeAddress,
		PprofBindAddress:              s.pprofAddress,
		LeaderElection:                s.leaderElect,
		LeaderElectionID:              s.leaderElectionID,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 new(lease.Duration),
		RenewDeadline:                 new(lease.RenewDeadline),
		RetryPeriod:                   new(lease.RetryPeriod),

		LeaderElectionResourceLockInterface: lock,
	}
}

// announce tells in the log and by a metric which build starts.
func (s *settings) announce(own build) error {
	ctrl.Log.Info("Starting "+operatorName, "version", own.version, "revision", own.revision, "goVersion", own.goVersion)
	if s.namespaced && s.secureMetrics && s.metricsAddress != off {
		ctrl.Log.Info("Metrics by https are refused to all: to check clients takes permissions that no Role grants; set --metrics-secure=false or --metrics-bind-address=0")
	}
	return own.register()
}

func (s *settings) controllerOptions() (controllers.Options, error) {
	if err := s.checkTogether(); err != nil {
		return controllers.Options{}, err
	}
	rules, err := controllers.ParseEndpointRules(s.endpointSuffixes)
	if err != nil {
		return controllers.Options{}, fmt.Errorf("flag --allowed-endpoint-suffixes: %w", err)
	}
	httpClient, err := controllers.NewHTTPClient(s.caFile)
	if err != nil {
		return controllers.Options{}, fmt.Errorf("flag --acs-ca-file: %w", err)
	}
	if s.timeout <= 0 {
		return controllers.Options{}, fmt.Errorf("flag --acs-timeout: %s is not more than zero", s.timeout)
	}
	if s.concurrency < 1 {
		return controllers.Options{}, fmt.Errorf("flag --max-concurrent-reconciles: %d is not more than zero", s.concurrency)
	}
	watched := splitList(s.watchNamespaces)
	if s.namespaced && len(watched) == 0 {
		watched = splitList(ownNamespace())
	}
	entra := splitList(s.entraNamespaces)
	if len(entra) == 0 {
		entra = splitList(ownNamespace())
	}
	return controllers.Options{
		AllowedEndpoints: rules, EntraNamespaces: entra, WatchNamespaces: watched, Namespaced: s.namespaced,
		HTTPClient: httpClient, ACSTimeout: s.timeout, Pacing: s.pacing, MaxConcurrentReconciles: s.concurrency,
	}, nil
}

func ownNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	namespace, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(namespace))
}

func splitList(value string) []string {
	var entries []string
	for entry := range strings.SplitSeq(value, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}
