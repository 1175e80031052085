// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

// tarball returns a .tar.gz with the files in the given order.
func tarball(files []programs.File) ([]byte, error) {
	content, err := programs.Tar(files)
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = compressed.Write(content)
	err = errors.Join(err, compressed.Close())
	return buffer.Bytes(), err
}

// zipFile returns a .zip with the files in the given order. All times are the same.
func zipFile(files []programs.File) ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate}
		header.SetMode(f.Mode)
		writer, err := archive.CreateHeader(header)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if _, err := writer.Write(f.Content); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	err := archive.Close()
	return buffer.Bytes(), err
}
