// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	// bigSecrets is the number of Secrets with bigSecret bytes in the namespace. bigConnections of
	// them belong to a connection, which needs a hundred bytes of its Secret.
	bigSecrets     = 300
	bigSecret      = 1_000_000
	bigConnections = 10
	// maxHeapGrowth is the limit for the memory that all of them cost.
	maxHeapGrowth = 2 << 20
)

// Secrets cost the operator no memory. This holds for unrelated Secrets, and for the other keys of
// the Secrets that it reads.
func TestFaultsSecretsDoNotCostMemory(t *testing.T) { //nolint:paralleltest // other tests would slow a process that collects garbage all the time
	w := newWorld(t, emulator.Options{})
	conns := make([]*chatv1alpha1.ChatConnection, bigConnections)
	for i := range conns {
		name := fmt.Sprint("big-", i)
		conns[i] = newConnection(w.namespace, name)
		conns[i].Spec.ConnectionStringSecretRef.Name = name
		w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
			StringData: map[string]string{"connectionString": w.emulator.ConnectionString(w.server.URL)}}, conns[i])
	}
	heap := w.startProcess()
	for _, conn := range conns {
		w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
		askConnection(w, conn, "before")
	}
	before := heap()

	blob := make([]byte, bigSecret)
	for i, conn := range conns {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: fmt.Sprint("big-", i)}}
		edit(w, secret, func(o *corev1.Secret) { o.Data["another"] = blob })
		askConnection(w, conn, "after")
		w.Expect(readyMessageOf(conn)).NotTo(BeEmpty())
	}
	for i := range bigSecrets - bigConnections {
		w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: fmt.Sprint("other-", i)}, Data: map[string][]byte{"another": blob}})
	}
	for _, conn := range conns {
		askConnection(w, conn, "in the end")
		w.Expect(w.message(conn)).To(ContainSubstring("can create threads"))
	}
	w.Eventually(func() float64 { return heap() - before }).Should(BeNumerically("<", maxHeapGrowth), "bytes of heap more than before")
	t.Logf("heap before %.0f bytes, after %.0f", before, heap())
	w.Expect(admin.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(w.namespace))).To(Succeed())
}

// startProcess runs the operator as a process, and returns a function that reads its heap from its
// metrics.
func (w *world) startProcess() (heap func() float64) {
	w.t.Helper()
	dir := w.t.TempDir()
	binary, kubeconfig, authority := filepath.Join(dir, "manager"), filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "ca.pem")
	built, err := exec.CommandContext(w.t.Context(), "go", "build", "-o", binary, "..").CombinedOutput() //nolint:gosec // a path of its own
	w.Expect(err).NotTo(HaveOccurred(), string(built))
	w.Expect(clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: operatorConfig.Host, CertificateAuthorityData: operatorConfig.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {ClientCertificateData: operatorConfig.CertData, ClientKeyData: operatorConfig.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, kubeconfig)).To(Succeed())
	w.Expect(os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}), 0o600)).To(Succeed())
	address, err := processes.FreeAddress(w.t.Context())
	w.Expect(err).NotTo(HaveOccurred())

	process := exec.CommandContext(w.t.Context(), binary, "--kubeconfig="+kubeconfig, "--watch-namespaces="+w.namespace, //nolint:gosec // built above
		"--allowed-endpoint-suffixes="+strings.TrimPrefix(w.server.URL, "https://"), "--acs-ca-file="+authority,
		"--metrics-bind-address="+address, "--metrics-secure=false", "--health-probe-bind-address=0")
	// With this setting, the heap holds little garbage.
	process.Env = append(os.Environ(), "GOGC=1")
	process.Cancel = func() error { return process.Process.Signal(os.Interrupt) }
	w.Expect(process.Start()).To(Succeed())
	w.t.Cleanup(func() {
		w.Expect(process.Wait()).To(MatchError(context.Canceled), "the operator ends well when asked to")
	})
	return func() float64 { return w.metric("http://"+address+"/metrics", "go_memstats_heap_alloc_bytes") }
}

// metric reads one metric of a process.
func (w *world) metric(url, name string) float64 {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url, http.NoBody)
	w.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(req)
	w.Expect(err).NotTo(HaveOccurred())
	defer func() { w.Expect(response.Body.Close()).To(Succeed()) }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			number, err := strconv.ParseFloat(value, 64)
			w.Expect(err).NotTo(HaveOccurred())
			return number
		}
	}
	w.t.Fatalf("%s has no %s", url, name)
	return 0
}
