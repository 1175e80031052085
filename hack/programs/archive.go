// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// maxShortName is the longest name in the oldest form of a tar archive.
const maxShortName = 100

// File is a file of an archive, or a directory if its name ends in a slash.
type File struct {
	Name    string
	Mode    fs.FileMode // with the bits of Unix, as in 0o1777
	Content []byte
}

// Tar returns a tar archive with the files in the given order. All times are the same, and all
// files belong to root.
func Tar(files []File) ([]byte, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, f := range files {
		header := &tar.Header{
			Name: f.Name, Mode: int64(f.Mode), Size: int64(len(f.Content)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if strings.HasSuffix(f.Name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if len(f.Name) > maxShortName {
			header.Format = tar.FormatPAX
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if _, err := archive.Write(f.Content); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	err := archive.Close()
	return buffer.Bytes(), err
}
