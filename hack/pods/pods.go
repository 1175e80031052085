// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package pods runs the pod of a Deployment as processes on this machine, as the kubelet and a
// container engine would: with the arguments, environment, files, user and probes that the manifest
// declares. Tests of manifests use it, since they have an API server but no nodes. It needs root.
//
// The processes use the network of the machine, so that only one pod with the same ports runs at a
// time. It supports what the manifests of this project use, and reports everything else.
package pods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
)

// Image is an image in the store of a node.
type Image struct {
	// Root is a directory with its files.
	Root       string
	Entrypoint []string
	Env        []string
	UID, GID   int
}

// Node runs pods.
type Node struct {
	Client kubernetes.Interface
	// APIHost and APIPort are the address of the API server, and APIAuthority the PEM file of its
	// authority.
	APIHost, APIPort, APIAuthority string
	// Images returns an image by its reference.
	Images func(reference string) (Image, error)
	// Dir is a directory for the files of the pods.
	Dir string
}

// Pod is a running pod.
type Pod struct {
	containers []*container
}

type container struct {
	name    string
	log     string
	process *exec.Cmd
	ended   chan struct{}
}

// start describes to the new process what it has to become.
type start struct {
	Root         string
	ReadOnlyRoot bool
	Mounts       []mount
	UID, GID     int
	Groups       []int
	Command      []string
	Env          []string
}

type mount struct {
	Source, Target string
	ReadOnly       bool
}

// Run runs a pod until it is ready. If it fails, the error has the end of the log.
func (n *Node) Run(ctx context.Context, namespace, name string, template *corev1.PodTemplateSpec) (*Pod, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("pods run as other users with files of their own, which needs root")
	}
	spec := &template.Spec
	pod := &podFiles{node: n, namespace: namespace, name: name, spec: spec, dir: filepath.Join(n.Dir, name)}
	if err := pod.prepare(ctx); err != nil {
		return nil, fmt.Errorf("pod %s: %w", name, err)
	}
	running := &Pod{}
	// A sidecar, an init container that goes on, is started before the others.
	for i := range spec.InitContainers {
		if policy := spec.InitContainers[i].RestartPolicy; policy == nil || *policy != corev1.ContainerRestartPolicyAlways {
			return nil, fmt.Errorf("pod %s: init container %s is no sidecar", name, spec.InitContainers[i].Name)
		}
	}
	for _, one := range slices.Concat(spec.InitContainers, spec.Containers) {
		if err := running.start(ctx, pod, &one); err != nil {
			running.Stop()
			return nil, fmt.Errorf("pod %s: container %s: %w", name, one.Name, err)
		}
	}
	return running, nil
}

// start starts a container and waits for its probes.
func (p *Pod) start(ctx context.Context, files *podFiles, c *corev1.Container) error {
	s, err := files.describe(ctx, c)
	if err != nil {
		return err
	}
	description, err := json.Marshal(s)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	running := &container{name: c.Name, log: filepath.Join(files.dir, c.Name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(running.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()                                      // the process has its own handle
	running.process = exec.CommandContext(context.WithoutCancel(ctx), self) //nolint:gosec // this program
	running.process.Env = []string{enterVariable + "=" + string(description)}
	running.process.Stdout, running.process.Stderr = log, log
	running.process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Setpgid: true}
	if err := running.process.Start(); err != nil {
		return err
	}
	go func() {
		defer close(running.ended)
		_ = running.process.Wait() // its log says why
	}()
	p.containers = append(p.containers, running)
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe} {
		if err := running.await(ctx, probe, c.Ports); err != nil {
			return fmt.Errorf("%w\n%s", err, p.Log(c.Name))
		}
	}
	return nil
}

// Stop asks the containers to end, the last first, and kills those that do not.
func (p *Pod) Stop() {
	const grace = 35 * time.Second
	for _, c := range slices.Backward(p.containers) {
		_ = c.process.Process.Signal(syscall.SIGTERM) // fails only if it has ended
		select {
		case <-c.ended:
		case <-time.After(grace):
			_ = c.process.Process.Kill()
			<-c.ended
		}
	}
}

// Log returns the log of a container.
func (p *Pod) Log(container string) string {
	for _, c := range p.containers {
		if c.name == container {
			content, _ := os.ReadFile(c.log)
			return string(content)
		}
	}
	return ""
}

// ProcessID returns the id of the process of a container.
func (p *Pod) ProcessID(container string) int {
	for _, c := range p.containers {
		if c.name == container {
			return c.process.Process.Pid
		}
	}
	return 0
}

// describe says what the process of a container has to become.
func (f *podFiles) describe(ctx context.Context, c *corev1.Container) (*start, error) {
	image, err := f.node.Images(c.Image)
	if err != nil {
		return nil, err
	}
	env, err := f.environment(ctx, c, image)
	if err != nil {
		return nil, err
	}
	if len(c.Command) > 0 {
		image.Entrypoint = c.Command
	}
	s := &start{UID: image.UID, GID: image.GID, Root: filepath.Join(f.dir, "root-"+c.Name), Groups: []int{image.GID}}
	for _, argument := range slices.Concat(image.Entrypoint, c.Args) {
		s.Command = append(s.Command, expand(argument, env))
	}
	for name, value := range env {
		s.Env = append(s.Env, name+"="+value)
	}
	slices.Sort(s.Env)
	f.secure(c, s)
	if s.UID == 0 && f.spec.SecurityContext != nil && f.spec.SecurityContext.RunAsNonRoot != nil && *f.spec.SecurityContext.RunAsNonRoot {
		return nil, errors.New("the image runs as root, and the pod must not")
	}
	if err := os.CopyFS(s.Root, os.DirFS(image.Root)); err != nil {
		return nil, fmt.Errorf("copy the image: %w", err)
	}
	s.Mounts, err = f.mounts(c)
	return s, err
}

// secure applies the security contexts of the pod and the container.
func (f *podFiles) secure(c *corev1.Container, s *start) {
	if pod := f.spec.SecurityContext; pod != nil {
		if pod.RunAsUser != nil {
			s.UID = int(*pod.RunAsUser)
		}
		if pod.FSGroup != nil {
			s.Groups = append(s.Groups, int(*pod.FSGroup))
		}
	}
	if own := c.SecurityContext; own != nil {
		s.ReadOnlyRoot = own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem
		if own.RunAsUser != nil {
			s.UID = int(*own.RunAsUser)
		}
	}
}

// expand replaces $(NAME) by the value of a variable, if there is one.
func expand(text string, env map[string]string) string {
	pairs := make([]string, 0, len(env)*2)
	for name, value := range env {
		pairs = append(pairs, "$("+name+")", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// environment returns the variables of a container.
func (f *podFiles) environment(ctx context.Context, c *corev1.Container, image Image) (map[string]string, error) {
	env := map[string]string{"KUBERNETES_SERVICE_HOST": f.node.APIHost, "KUBERNETES_SERVICE_PORT": f.node.APIPort, "HOSTNAME": f.name}
	for _, pair := range image.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	for _, one := range c.Env {
		value := expand(one.Value, env)
		if one.ValueFrom != nil {
			var err error
			if value, err = f.valueFrom(ctx, c, one.ValueFrom); err != nil {
				return nil, fmt.Errorf("variable %s: %w", one.Name, err)
			}
		}
		env[one.Name] = value
	}
	return env, nil
}

func (f *podFiles) valueFrom(ctx context.Context, c *corev1.Container, from *corev1.EnvVarSource) (string, error) {
	switch {
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
		return f.namespace, nil
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.name":
		return f.name, nil
	case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory":
		return strconv.FormatInt(c.Resources.Limits.Memory().Value(), 10), nil
	case from.SecretKeyRef != nil:
		secret, err := f.secret(ctx, from.SecretKeyRef.Name)
		return string(secret[from.SecretKeyRef.Key]), err
	default:
		return "", errors.New("its source is not supported")
	}
}
