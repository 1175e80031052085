// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command prebuilt downloads a control plane for the demo, so that a first demo does not wait for a
// build. It does not insist: without the archive, or with one of another checksum, it says why and
// exits with status 3.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// answerPatience is how long the server may take to answer, downloadPatience to send all. A
	// build takes longer than both.
	answerPatience   = 10 * time.Second
	downloadPatience = 3 * time.Minute

	maxArchive        = 512 << 20
	statusUsage       = 2
	statusUnavailable = 3
)

// archive is an archive with a control plane.
type archive struct {
	url      string
	checksum string // SHA-512
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "Usage: prebuilt LIST DIRECTORY")
		os.Exit(statusUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1], os.Args[2])
	stop()
	if err != nil {
		fmt.Println("controlplane: no prebuilt one:", err)
		os.Exit(statusUnavailable)
	}
}

func run(ctx context.Context, list, directory string) error {
	content, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	found, err := choose(string(content), runtime.GOOS+"/"+runtime.GOARCH)
	if err != nil {
		return err
	}
	fmt.Println("controlplane: downloading", path.Base(found.url))
	packed, err := found.download(ctx)
	if err != nil {
		return err
	}
	return unpack(packed, directory)
}

// choose returns the archive of a platform in a list.
func choose(list, platform string) (archive, error) {
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == platform {
			return archive{url: fields[2], checksum: fields[1]}, nil
		}
	}
	return archive{}, fmt.Errorf("there is none for %s", platform)
}

// download returns an archive with the right checksum.
func (a archive) download(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, downloadPatience, fmt.Errorf("not there after %s", downloadPatience))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	answered, noAnswer := context.WithCancelCause(ctx)
	defer noAnswer(nil)
	timer := time.AfterFunc(answerPatience, func() { noAnswer(fmt.Errorf("no answer after %s", answerPatience)) })
	resp, err := http.DefaultClient.Do(req.WithContext(answered))
	if err != nil {
		return nil, orCause(answered, err)
	}
	defer func() { _ = resp.Body.Close() }()
	timer.Stop()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxArchive))
	if err != nil {
		return nil, orCause(answered, err)
	}
	if sum := sha512.Sum512(content); hex.EncodeToString(sum[:]) != a.checksum {
		return nil, errors.New("the archive has another checksum than the one in the list")
	}
	return content, nil
}

// orCause returns the cause of a context's end instead of the error that follows from it.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // without the address, which is long
	}
	return err
}

// unpack writes the programs of an archive to a directory, all or none.
func unpack(packed []byte, directory string) error {
	compressed, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	work := directory + ".new"
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil { //nolint:gosec // programs for everybody
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for files := tar.NewReader(compressed); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := write(filepath.Join(work, path.Base(header.Name)), files); err != nil {
			return err
		}
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(work, name)); err != nil {
			return fmt.Errorf("the archive has no %s", name)
		}
	}
	return errors.Join(os.RemoveAll(directory), os.Rename(work, directory))
}

func write(name string, content io.Reader) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755) //nolint:gosec // a program
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
