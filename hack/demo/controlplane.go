// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

func (d *demo) startEtcd(ctx context.Context) (err error) {
	d.etcd, err = d.StartEtcd(ctx)
	return err
}

func (d *demo) startAPIServer(ctx context.Context) error { return d.StartAPIServer(ctx, d.etcd) }

// startControllerManager skips the controller manager if the caller's own control plane has none.
func (d *demo) startControllerManager(ctx context.Context) error {
	if _, err := os.Stat(processes.Asset(processes.ControllerManager)); errors.Is(err, os.ErrNotExist) {
		fmt.Printf("none in %s ", processes.AssetsDir())
		return nil
	}
	return d.StartControllerManager(ctx)
}

// install gives the operator exactly the permissions that it has in a cluster.
func (d *demo) install(ctx context.Context) error { return d.InstallOperator(ctx, d.Server.Address) }

func (d *demo) startEmulator(ctx context.Context) (err error) {
	if d.acs, err = d.StartEmulator(ctx, acsDir, "--quotas=on"); err != nil {
		return err
	}
	d.service, err = d.acs.Application()
	return err
}

func (d *demo) startOperator(ctx context.Context) (err error) {
	if d.metrics, err = processes.FreeAddress(ctx); err != nil {
		return err
	}
	return d.StartOperator(ctx, sandbox.Operator, d.acs, "--metrics-bind-address="+d.metrics, "--metrics-secure=false")
}
