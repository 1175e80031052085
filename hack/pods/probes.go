// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

var errEnded = errors.New("it ended by itself")

// await waits until a probe succeeds. A container that ends does not get ready.
func (c *container) await(ctx context.Context, probe *corev1.Probe, ports []corev1.ContainerPort) error {
	if probe == nil {
		return nil
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.ended:
			cancel(errEnded)
		case <-limited.Done():
		}
	}()
	return processes.Poll(limited, func(ctx context.Context) error { return ask(ctx, probe, ports) })
}

func ask(ctx context.Context, probe *corev1.Probe, ports []corev1.ContainerPort) error {
	switch {
	case probe.HTTPGet != nil:
		return processes.Probe(ctx, http.DefaultClient, "http://"+address(probe.HTTPGet.Port, ports)+probe.HTTPGet.Path)
	case probe.TCPSocket != nil:
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(probe.TCPSocket.Port, ports))
		if err != nil {
			return err
		}
		return connection.Close()
	default:
		return fmt.Errorf("a probe of this type is not supported: %v", probe.ProbeHandler)
	}
}

// address returns the address of a port, which may have a name.
func address(port intstr.IntOrString, ports []corev1.ContainerPort) string {
	number := port.IntVal
	for _, one := range ports {
		if port.Type == intstr.String && one.Name == port.StrVal {
			number = one.ContainerPort
		}
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(number)))
}
