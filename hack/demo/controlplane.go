// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	installDir        = "hack/demo/operator"
	operatorNamespace = "acs-chat-operator-system"
	operatorAccount   = "acs-chat-operator-controller-manager"
	// operatorTokenLife is longer than anyone plays with a demo.
	operatorTokenLife = "8760h"

	certificatesDir = "apiserver"
	// certificateFile is what the API server makes for itself, with its authority.
	certificateFile = certificatesDir + "/apiserver.crt"
	accountKeyFile  = "service-account.key"
	tokensFile      = "tokens.csv"

	probeTimeout = 5 * time.Second
)

// controllers are those of the controller manager's that the demo needs: deletion of namespaces and
// of what is owned, and the viewer, editor and admin roles.
const controllers = "namespace-controller,garbage-collector-controller,clusterrole-aggregation-controller,serviceaccount-controller"

func (d *demo) startEtcd(ctx context.Context) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	d.etcd = "http://" + address
	err = d.started.start(ctx, etcd, asset(etcd),
		"--data-dir="+d.state.path("etcd"),
		"--listen-client-urls="+d.etcd,
		"--advertise-client-urls="+d.etcd,
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync",
	)
	if err != nil {
		return err
	}
	return poll(ctx, func(ctx context.Context) error { return probe(ctx, http.DefaultClient, d.etcd+"/health") })
}

// startAPIServer starts the API server, which makes its certificate by itself, and writes the
// kubeconfig of an administrator.
func (d *demo) startAPIServer(ctx context.Context) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	token := rand.Text()
	err = errors.Join(
		d.state.write(tokensFile, token+",demo,demo,system:masters\n"),
		d.writeAccountKey(),
	)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address) // always host:port
	err = d.started.start(ctx, apiServer, asset(apiServer),
		"--etcd-servers="+d.etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port="+port,
		"--cert-dir="+d.state.path(certificatesDir),
		"--token-auth-file="+d.state.path(tokensFile),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+d.state.path(accountKeyFile),
		"--service-account-signing-key-file="+d.state.path(accountKeyFile),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
	)
	if err != nil {
		return err
	}
	d.server = "https://" + address
	if err := poll(ctx, d.probeAPIServer); err != nil {
		return err
	}
	return d.writeKubeconfig(kubeconfigFile, "demo", token)
}

func (d *demo) probeAPIServer(ctx context.Context) error {
	authority, err := os.ReadFile(d.state.path(certificateFile))
	if err != nil {
		return err
	}
	client, err := clientTrusting(authority)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return probe(ctx, client, d.server+"/readyz")
}

// startControllerManager does without, where the caller's own control plane has none.
func (d *demo) startControllerManager(ctx context.Context) error {
	if _, err := os.Stat(asset(controllerManager)); errors.Is(err, os.ErrNotExist) {
		fmt.Printf("none in %s ", assetsDir())
		return nil
	}
	err := d.started.start(ctx, controllerManager, asset(controllerManager),
		"--kubeconfig="+d.state.path(kubeconfigFile),
		"--controllers="+controllers,
		"--leader-elect=false",
		"--secure-port=0",
	)
	if err != nil {
		return err
	}
	// It makes this one, so it works.
	_, err = d.kubectl.run(ctx, "", "wait", "--for=create", "serviceaccount/default", "--timeout=2m")
	return err
}

// install leaves the operator with the permissions that it has in a cluster, and no more.
func (d *demo) install(ctx context.Context) error {
	if _, err := d.kubectl.run(ctx, "", "apply", "-k", installDir); err != nil {
		return err
	}
	_, err := d.kubectl.run(ctx, "", "wait", "--for=condition=Established", "--timeout=2m", "crd",
		"chatconnections.chat.acs-operator.io", "chatparticipants.chat.acs-operator.io", "chatthreads.chat.acs-operator.io")
	if err != nil {
		return err
	}
	token, err := d.kubectl.run(ctx, "", "create", "token", operatorAccount, "-n", operatorNamespace, "--duration="+operatorTokenLife)
	if err != nil {
		return err
	}
	return d.writeKubeconfig(operatorFile, operatorAccount, token)
}

func (d *demo) writeKubeconfig(name, user, token string) error {
	authority, err := os.ReadFile(d.state.path(certificateFile))
	if err != nil {
		return err
	}
	return d.state.write(name, kubeconfig(d.server, authority, user, token))
}

func kubeconfig(server string, authority []byte, user, token string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: demo
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %[3]s
  user:
    token: %[4]s
contexts:
- name: demo
  context:
    cluster: demo
    user: %[3]s
    namespace: default
current-context: demo
`, server, base64.StdEncoding.EncodeToString(authority), user, token)
}

// writeAccountKey makes the key that signs the tokens of service accounts.
func (d *demo) writeAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return d.state.write(accountKeyFile, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}

// assetsDir is where the programs of the control plane are.
func assetsDir() string {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		return "bin/controlplane"
	}
	// What is printed is to be typed, so it is better short.
	if here, err := os.Getwd(); err == nil {
		if local, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(local) {
			return local
		}
	}
	return dir
}

func asset(name string) string { return filepath.Join(assetsDir(), name) }

// freeAddress finds a port on this machine. Nothing keeps others from taking it before it is used;
// the component that it is for then says so and ends.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// clientTrusting makes a client that trusts no one but an authority.
func clientTrusting(authority []byte) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("the certificate authority's file holds no certificate")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}, nil
}

// probe is nil when a component says that it is ready.
func probe(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return nil
}
