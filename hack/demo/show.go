// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// A user of the service can list the members of a thread 10 times in 10 seconds. The operator acts
// as the same users, and must not run out of quota because somebody watches.
const (
	looks       = 5
	looksWindow = 10 * time.Second
	longWait    = time.Second
)

// show prints the state of the service of the running demo.
func show(ctx context.Context) error {
	s, err := attach()
	if err != nil {
		return err
	}
	service, err := openService(s)
	if err != nil {
		return err
	}
	application, err := os.ReadFile(s.path(applicationFile))
	if err != nil {
		return errNotRunning
	}
	if err := s.pace(ctx); err != nil {
		return err
	}
	text, err := holdings(ctx, service, processes.NewKubectl(s.path(sandbox.AdminKubeconfig), s.dir), string(application))
	fmt.Print(text)
	return err
}

// holdings describes all threads of the service.
func holdings(ctx context.Context, service *sandbox.Application, k processes.Kubectl, application string) (string, error) {
	users, err := serviceUsers(ctx, k)
	if err != nil {
		return "", err
	}
	found, err := rooms(ctx, service, append(slices.Clone(users), application))
	if err != nil {
		return "", err
	}
	roles := map[string]string{application: "the application"}
	for _, user := range users {
		roles[user] = "service user of the operator"
	}
	return describe(found, roles), nil
}

// pace waits until the service may be read again.
func (s *state) pace(ctx context.Context) error {
	file, err := os.OpenFile(s.path(looksFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	var past []time.Time
	_ = json.Unmarshal(content, &past) // an invalid file counts as an empty one
	wait, recent := nextLook(past, time.Now())
	if wait > longWait {
		fmt.Fprintf(os.Stderr, "demo: waiting %.0f s: the service counts calls, and some are for the operator\n", wait.Seconds())
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
	}
	if content, err = json.Marshal(append(recent, time.Now())); err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	return errors.Join(err, file.Truncate(int64(len(content))))
}

// nextLook returns the time to wait, and the earlier reads that still count.
func nextLook(past []time.Time, now time.Time) (wait time.Duration, recent []time.Time) {
	recent = past[max(len(past)-looks, 0):]
	if len(recent) < looks {
		return 0, recent
	}
	wait = min(recent[0].Add(looksWindow).Sub(now), looksWindow)
	return max(wait, 0), recent[1:]
}

// brief shortens a response of the service.
func brief(err error) error {
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.StatusCode == http.StatusTooManyRequests {
		return errors.New("the quotas of the service are used up; try again in 10 seconds")
	}
	return fmt.Errorf("the service answered %d %s", refused.StatusCode, refused.ErrorCode)
}
