// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

func (d *demo) startEtcd(ctx context.Context) error {
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		return err
	}
	url := "http://" + address
	d.server.Etcd = url
	err = d.started.start(ctx, processes.Etcd, processes.Asset(processes.Etcd), processes.EtcdArguments(d.state.path("etcd"), url)...)
	if err != nil {
		return err
	}
	return processes.Poll(ctx, func(ctx context.Context) error { return processes.Probe(ctx, http.DefaultClient, url+"/health") })
}

// startAPIServer starts the API server, which creates its certificate by itself, and writes the
// kubeconfig of an administrator.
func (d *demo) startAPIServer(ctx context.Context) error {
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		return err
	}
	d.server.Address = address
	args, err := d.server.Arguments()
	if err != nil {
		return err
	}
	err = d.started.start(ctx, processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), args...)
	if err != nil {
		return err
	}
	if err := processes.Poll(ctx, d.server.Probe); err != nil {
		return err
	}
	kubeconfig, err := d.server.AdminKubeconfig()
	if err != nil {
		return err
	}
	return d.state.write(kubeconfigFile, kubeconfig)
}

// startControllerManager skips the controller manager if the caller's own control plane has none.
func (d *demo) startControllerManager(ctx context.Context) error {
	binary := processes.Asset(processes.ControllerManager)
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		fmt.Printf("none in %s ", processes.AssetsDir())
		return nil
	}
	err := d.started.start(ctx, processes.ControllerManager, binary, processes.ControllerManagerArguments(d.state.path(kubeconfigFile))...)
	if err != nil {
		return err
	}
	// Only a running controller manager creates this service account.
	_, err = d.kubectl.Run(ctx, "", "wait", "--for=create", "serviceaccount/default", "--timeout=2m")
	return err
}

// install gives the operator exactly the permissions that it has in a cluster.
func (d *demo) install(ctx context.Context) error {
	token, err := d.kubectl.Install(ctx)
	if err != nil {
		return err
	}
	kubeconfig, err := d.server.Kubeconfig(d.server.Address, processes.OperatorAccount, token)
	if err != nil {
		return err
	}
	return d.state.write(operatorFile, kubeconfig)
}
