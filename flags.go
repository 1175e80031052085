// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/acs-operator/acs-chat-operator/controllers/shards"
)

const (
	// off is the address of an endpoint that is turned off.
	off = "0"
	// anyPort in an address takes a free port.
	anyPort = "0"
	// The files of a Secret of type kubernetes.io/tls.
	certificateFile, keyFile = "tls.crt", "tls.key"
)

// checkTogether returns an error if a flag contradicts another one.
func (s *settings) checkTogether() error {
	switch {
	case s.metricsCertDir != "" && !s.secureMetrics:
		return errors.New("flags --metrics-cert-dir and --metrics-secure=false: plain http needs no certificate; leave one of them out")
	case s.metricsCertDir != "" && s.metricsAddress == off:
		return errors.New("flags --metrics-cert-dir and --metrics-bind-address=0: no endpoint needs the certificate; leave one of them out")
	case s.leaderElectionID != leaseName && !s.leaderElect:
		return errors.New("flags --leader-election-id and --leader-elect: without --leader-elect there is no lease to name")
	case s.leaderElectionID == shards.ObjectName:
		return fmt.Errorf("flag --leader-election-id: Lease %s has the claims of namespaces; give the lease another name", shards.ObjectName)
	case s.namespaced && len(splitList(s.watchNamespaces)) == 0 && ownNamespace() == "":
		return errors.New("flags --namespaced and --watch-namespaces: outside a pod, --namespaced needs --watch-namespaces")
	}
	if err := s.checkAddresses(); err != nil {
		return err
	}
	return s.checkCertificate()
}

// checkAddresses returns an error if two endpoints have the same address.
func (s *settings) checkAddresses() error {
	used := map[string]string{}
	for _, endpoint := range []struct{ flag, address string }{
		{"--metrics-bind-address", s.metricsAddress},
		{"--health-probe-bind-address", s.probeAddress},
		{"--pprof-bind-address", s.pprofAddress},
	} {
		if _, port, _ := net.SplitHostPort(endpoint.address); port == "" || port == anyPort {
			continue
		}
		if other := used[endpoint.address]; other != "" {
			return fmt.Errorf("flags %s and %s: both are %s; give each an address of its own", other, endpoint.flag, endpoint.address)
		}
		used[endpoint.address] = endpoint.flag
	}
	return nil
}

// checkCertificate reads the certificate of the metrics endpoint, so that a wrong directory is
// reported at the start, with the flag.
func (s *settings) checkCertificate() error {
	if s.metricsCertDir == "" {
		return nil
	}
	_, err := tls.LoadX509KeyPair(filepath.Join(s.metricsCertDir, certificateFile), filepath.Join(s.metricsCertDir, keyFile))
	if err != nil {
		return fmt.Errorf("flag --metrics-cert-dir: %w", err)
	}
	return nil
}

func (s *settings) metricsOptions() metricsserver.Options {
	options := metricsserver.Options{BindAddress: s.metricsAddress}
	if s.secureMetrics {
		options.SecureServing = true
		options.FilterProvider = newMetricsAccess
		options.CertDir, options.CertName, options.KeyName = s.metricsCertDir, certificateFile, keyFile
	}
	return options
}
