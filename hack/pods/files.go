// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	accountMount = "/var/run/secrets/kubernetes.io/serviceaccount"
	accountDir   = "service-account"
	volumesDir   = "volumes"
	// anybody reads and changes the files of an emptyDir.
	anybody = 0o777
)

// podFiles are the files of a pod on its node.
type podFiles struct {
	node            *Node
	namespace, name string
	spec            *corev1.PodSpec
	dir             string
}

// prepare creates the volumes and the files of the service account.
func (f *podFiles) prepare(ctx context.Context) error {
	if err := os.MkdirAll(f.dir, 0o755); err != nil { //nolint:gosec // the processes of the pod are other users
		return err
	}
	for i := range f.spec.Volumes {
		if err := f.prepareVolume(ctx, &f.spec.Volumes[i]); err != nil {
			return fmt.Errorf("volume %s: %w", f.spec.Volumes[i].Name, err)
		}
	}
	account := f.spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	request, err := f.node.Client.CoreV1().ServiceAccounts(f.namespace).CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a token of service account %s: %w", account, err)
	}
	authority, err := os.ReadFile(f.node.APIAuthority)
	if err != nil {
		return err
	}
	return f.write(accountDir, map[string][]byte{
		"token": []byte(request.Status.Token), "namespace": []byte(f.namespace), "ca.crt": authority,
	})
}

func (f *podFiles) prepareVolume(ctx context.Context, volume *corev1.Volume) error {
	directory := filepath.Join(volumesDir, volume.Name)
	switch {
	case volume.EmptyDir != nil:
		if err := f.write(directory, nil); err != nil {
			return err
		}
		return os.Chmod(filepath.Join(f.dir, directory), anybody)
	case volume.Secret != nil:
		content, err := f.secret(ctx, volume.Secret.SecretName)
		if err != nil {
			return err
		}
		return f.write(directory, selectItems(content, volume.Secret.Items))
	case volume.ConfigMap != nil:
		configMap, err := f.node.Client.CoreV1().ConfigMaps(f.namespace).Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		content := map[string][]byte{}
		for key, value := range configMap.Data {
			content[key] = []byte(value)
		}
		return f.write(directory, selectItems(content, volume.ConfigMap.Items))
	default:
		return errors.New("its type is not supported")
	}
}

func (f *podFiles) secret(ctx context.Context, name string) (map[string][]byte, error) {
	secret, err := f.node.Client.CoreV1().Secrets(f.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return secret.Data, nil
}

func selectItems(content map[string][]byte, items []corev1.KeyToPath) map[string][]byte {
	if len(items) == 0 {
		return content
	}
	selected := map[string][]byte{}
	for _, item := range items {
		selected[item.Path] = content[item.Key]
	}
	return selected
}

// write writes files that the processes of the pod may read.
func (f *podFiles) write(directory string, content map[string][]byte) error {
	directory = filepath.Join(f.dir, directory)
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // the processes of the pod are other users
		return err
	}
	for name, value := range content {
		if err := os.WriteFile(filepath.Join(directory, name), value, 0o644); err != nil { //nolint:gosec // the processes of the pod are other users
			return err
		}
	}
	return nil
}

// mounts returns the mounts of a container.
func (f *podFiles) mounts(c *corev1.Container) ([]mount, error) {
	mounts := []mount{{Source: filepath.Join(f.dir, accountDir), Target: accountMount, ReadOnly: true}}
	for _, one := range c.VolumeMounts {
		if one.SubPath != "" {
			return nil, fmt.Errorf("mount %s: subPath is not supported", one.MountPath)
		}
		mounts = append(mounts, mount{Source: filepath.Join(f.dir, volumesDir, one.Name), Target: one.MountPath, ReadOnly: one.ReadOnly})
	}
	return mounts, nil
}
