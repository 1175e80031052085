// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package operatortest

import (
	"context"
	"fmt"
	"sync"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	customizations "github.com/acs-operator/acs-chat-operator/config/argo-cd"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/hack/argocd"
)

// healthAfter is the health in Argo CD that belongs to a result of kstatus.
var healthAfter = map[status.Status]string{
	status.CurrentStatus:     argocd.Healthy,
	status.FailedStatus:      argocd.Degraded,
	status.InProgressStatus:  argocd.Progressing,
	status.TerminatingStatus: argocd.Progressing,
}

// byKind returns the Lua for Argo CD by kind. It is compiled once for all tests.
var byKind = sync.OnceValues(func() (map[string]*argocd.Customization, error) {
	root, err := customizations.Files()
	if err != nil {
		return nil, err
	}
	all, err := argocd.Read(root)
	kinds := map[string]*argocd.Customization{}
	for _, c := range all {
		kinds[c.Kind] = c
	}
	return kinds, err
})

var machine argocd.VM

// BrokenHealth returns the difference between the health of an object in Argo CD and the result of
// kstatus; it is empty if there is none.
func BrokenHealth(ctx context.Context, obj objects.Conditioned) string {
	kinds, err := byKind()
	if err != nil {
		return err.Error()
	}
	stored, result, err := compute(obj)
	if err != nil {
		return err.Error()
	}
	custom, ok := kinds[stored.GetKind()]
	if !ok {
		return "no health check for " + stored.GetKind()
	}
	// A test that ends must not end a health check.
	health, err := custom.Health(context.WithoutCancel(ctx), &machine, stored)
	if err != nil {
		return err.Error()
	}
	if want := healthAfter[result.Status]; health.Status != want {
		return fmt.Sprintf("health in Argo CD is %s (%s), want %s as kstatus computes %s", health.Status, health.Message, want, result.Status)
	}
	return ""
}
