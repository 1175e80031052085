// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package processes

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
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// The programs of the control plane.
const (
	Etcd              = "etcd"
	KubeAPIServer     = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)

const (
	installDir        = "hack/demo/operator"
	operatorNamespace = "acs-chat-operator-system"
	// OperatorAccount is the service account of the operator.
	OperatorAccount = "acs-chat-operator-controller-manager"
	// operatorTokenLife is longer than any run.
	operatorTokenLife = "8760h"

	certificatesDir = "apiserver"
	// certificateFile is the certificate that the API server creates for itself, with its
	// authority.
	certificateFile = certificatesDir + "/apiserver.crt"
	accountKeyFile  = "service-account.key"
	tokensFile      = "tokens.csv"
)

// controllers are the required ones of the controller manager: deletion of namespaces and of owned
// objects, and the viewer, editor and admin roles.
const controllers = "namespace-controller,garbage-collector-controller,clusterrole-aggregation-controller,serviceaccount-controller"

// EtcdArguments returns the arguments of an etcd that serves a URL. It need not survive a crash of
// the machine.
func EtcdArguments(dataDir, url string) []string {
	return []string{
		"--data-dir=" + dataDir,
		"--listen-client-urls=" + url,
		"--advertise-client-urls=" + url,
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync",
	}
}

// ControllerManagerArguments returns the arguments of a controller manager that deletes namespaces.
func ControllerManagerArguments(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--controllers=" + controllers,
		"--leader-elect=false",
		"--secure-port=0",
	}
}

// APIServer is an API server on this machine.
type APIServer struct {
	Dir     string // for its files
	Etcd    string // URL
	Address string // host:port to listen on

	token string // of an administrator
}

func (s *APIServer) path(name string) string { return filepath.Join(s.Dir, name) }

// Arguments creates the files of the API server and returns the arguments to start it with.
func (s *APIServer) Arguments() ([]string, error) {
	s.token = rand.Text()
	err := errors.Join(
		os.WriteFile(s.path(tokensFile), []byte(s.token+",demo,demo,system:masters\n"), 0o600),
		s.writeAccountKey(),
	)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	return []string{
		"--etcd-servers=" + s.Etcd,
		"--bind-address=" + host,
		"--advertise-address=" + host,
		"--secure-port=" + port,
		"--cert-dir=" + s.path(certificatesDir),
		"--token-auth-file=" + s.path(tokensFile),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.path(accountKeyFile),
		"--service-account-signing-key-file=" + s.path(accountKeyFile),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
	}, nil
}

// Probe returns nil if the API server is ready. The API server creates its certificate by itself.
func (s *APIServer) Probe(ctx context.Context) error {
	authority, err := os.ReadFile(s.path(certificateFile))
	if err != nil {
		return err
	}
	client, err := ClientTrusting(authority)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return Probe(ctx, client, "https://"+s.Address+"/readyz")
}

// AdminKubeconfig returns the kubeconfig of an administrator.
func (s *APIServer) AdminKubeconfig() (string, error) {
	return s.Kubeconfig(s.Address, "demo", s.token)
}

// Kubeconfig returns the kubeconfig of a user that connects to the API server at an address, its
// own or that of a proxy.
func (s *APIServer) Kubeconfig(address, user, token string) (string, error) {
	authority, err := os.ReadFile(s.path(certificateFile))
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: demo
  cluster:
    server: https://%s
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
`, address, base64.StdEncoding.EncodeToString(authority), user, token), err
}

// writeAccountKey creates the key that signs the tokens of service accounts.
func (s *APIServer) writeAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(accountKeyFile), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// Install installs the CRDs and gives the operator exactly the permissions that it has in a
// cluster. It returns a token of its service account. The working directory must be the root of the
// repository.
func (k Kubectl) Install(ctx context.Context) (token string, err error) {
	if _, err := k.Run(ctx, "", "apply", "-k", installDir); err != nil {
		return "", err
	}
	_, err = k.Run(ctx, "", "wait", "--for=condition=Established", "--timeout=2m", "crd",
		"chatconnections.chat.acs-operator.io", "chatparticipants.chat.acs-operator.io", "chatthreads.chat.acs-operator.io")
	if err != nil {
		return "", err
	}
	return k.Run(ctx, "", "create", "token", OperatorAccount, "-n", operatorNamespace, "--duration="+operatorTokenLife)
}

// AssetsDir returns the directory with the programs of the control plane.
func AssetsDir() string {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		return "bin/controlplane"
	}
	// Users type the printed paths, so short ones are better.
	if here, err := os.Getwd(); err == nil {
		if local, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(local) {
			return local
		}
	}
	return dir
}

// Asset returns the path of a program of the control plane.
func Asset(name string) string { return filepath.Join(AssetsDir(), name) }

// ClientTrusting returns a client that trusts only this authority.
func ClientTrusting(authority []byte) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("the certificate authority's file holds no certificate")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}, nil
}
